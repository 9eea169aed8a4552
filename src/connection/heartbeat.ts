/** Heartbeats of one connection, in both directions (behaviour.md section 3). */
import type { Clock, Timer } from '../util/clock.ts'

/** Checks per interval. */
const LOOKS = 4
/**
 * Number of checks without traffic before a client counts as dead, so that a stalled process does not blame its
 * clients.
 */
const SILENT_LOOKS_MIN = 2

export interface HeartbeatPeer {
  /** Octets sent and received, including heartbeats; any octet received is a sign of life. */
  readonly octetsSent: number
  readonly octetsReceived: number
  /** Whether the broker has paused reading, so that silence means nothing. */
  readonly readingPaused: boolean
  /** Sends a heartbeat at once: `octetsSent` includes it on return. */
  sendHeartbeat(): void
  /** Called if nothing was received for too long. */
  peerIsGone(): void
}

export class Heartbeat {
  private timer: Timer | undefined
  private sent = 0
  private received = 0
  /** Time of the last output or heartbeat, in ms of `elapsed`. */
  private quietSince: number
  /** Time of the last input, in ms of `elapsed`. */
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
    this.quietSince = clock.elapsed()
    this.silentSince = this.quietSince
    this.arm()
  }

  private arm(): void {
    this.timer = this.clock.after(this.intervalMs / LOOKS, () => {
      this.arm()
      const now = this.clock.elapsed()
      this.send(now)
      this.listen(now)
    })
  }

  /** Sends a heartbeat after half an interval without other output. */
  private send(now: number): void {
    const { peer } = this
    const quiet = peer.octetsSent === this.sent
    if (quiet && now - this.quietSince < this.intervalMs / 2) return
    if (quiet) peer.sendHeartbeat()
    this.quietSince = now
    this.sent = peer.octetsSent
  }

  /** Two intervals without input end the connection. */
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
