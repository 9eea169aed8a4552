/** Heartbeats of one connection, both ways (behaviour.md section 3). */
import type { Clock, Timer } from '../util/clock.ts'

/** Looks within one interval, of which heartbeats have half. */
const LOOKS = 4
/** Looks that have to have found nothing, so that a process that stood still does not blame its clients. */
const SILENT_LOOKS_MIN = 2

export interface HeartbeatPeer {
  /** Octets so far, the heartbeats among them; any octet shows life. */
  readonly octetsSent: number
  readonly octetsReceived: number
  /** The broker is not reading: silence is its own doing then. */
  readonly readingPaused: boolean
  /** At once: `octetsSent` has it. */
  sendHeartbeat(): void
  /** Nothing has come for too long. */
  peerIsGone(): void
}

export class Heartbeat {
  private timer: Timer | undefined
  private sent = 0
  private received = 0
  /** In ms since 1970: since when nothing has been sent that is no heartbeat, or since the last heartbeat. */
  private quietSince: number
  /** In ms since 1970. */
  private silentSince: number
  private silentLooks = 0
  private readonly clock: Clock
  private readonly intervalMs: number
  private readonly peer: HeartbeatPeer

  /** As negotiated. */
  readonly seconds: number

  constructor(seconds: number, clock: Clock, peer: HeartbeatPeer) {
    this.seconds = seconds
    this.clock = clock
    this.intervalMs = seconds * 1000
    this.peer = peer
    this.quietSince = clock.now()
    this.silentSince = this.quietSince
    this.arm()
  }

  private arm(): void {
    this.timer = this.clock.after(this.intervalMs / LOOKS, () => {
      this.arm()
      const now = this.clock.now()
      this.send(now)
      this.listen(now)
    })
  }

  /** Half an interval without a word is broken by a heartbeat, which itself counts for nothing half an interval later. */
  private send(now: number): void {
    const { peer } = this
    const quiet = peer.octetsSent === this.sent
    if (quiet && now - this.quietSince < this.intervalMs / 2) return
    if (quiet) peer.sendHeartbeat()
    this.quietSince = now
    this.sent = peer.octetsSent
  }

  /** Silence of two intervals ends the connection. */
  private listen(now: number): void {
    const { peer } = this
    if (peer.octetsReceived !== this.received || peer.readingPaused) {
      this.received = peer.octetsReceived
      this.silentSince = now
      this.silentLooks = 0
    } else if (++this.silentLooks >= SILENT_LOOKS_MIN && now - this.silentSince >= 2 * this.intervalMs)
      peer.peerIsGone()
  }

  stop(): void {
    this.timer?.cancel()
  }
}
