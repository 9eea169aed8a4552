/** Heartbeats of one connection, both ways (behaviour.md section 3). */
import type { Clock, Timer } from '../broker/clock.ts'

/** Idle checks of a whole interval after which the peer counts as gone. */
const IDLE_CHECKS_MAX = 2

export interface HeartbeatPeer {
  /** Octets so far; any octet shows life. */
  readonly octetsSent: number
  readonly octetsReceived: number
  /** The broker is not reading: silence is its own doing then. */
  readonly readingPaused: boolean
  sendHeartbeat(): void
  /** Nothing has come for too long. */
  peerIsGone(): void
}

export class Heartbeat {
  private timer: Timer | undefined
  private ticks = 0
  private sent = 0
  private received = 0
  private idleChecks = 0
  private readonly clock: Clock
  private readonly halfMs: number
  private readonly peer: HeartbeatPeer

  /** As negotiated. */
  readonly seconds: number

  constructor(seconds: number, clock: Clock, peer: HeartbeatPeer) {
    this.seconds = seconds
    this.clock = clock
    this.halfMs = seconds * 500
    this.peer = peer
    this.arm()
  }

  private arm(): void {
    this.timer = this.clock.after(this.halfMs, () => {
      this.arm()
      this.tick()
    })
  }

  private tick(): void {
    const { peer } = this
    if (peer.octetsSent === this.sent) peer.sendHeartbeat()
    this.sent = peer.octetsSent
    if (++this.ticks % 2 !== 0) return
    const silent = peer.octetsReceived === this.received && !peer.readingPaused
    this.idleChecks = silent ? this.idleChecks + 1 : 0
    this.received = peer.octetsReceived
    if (this.idleChecks >= IDLE_CHECKS_MAX) peer.peerIsGone()
  }

  stop(): void {
    this.timer?.cancel()
  }
}
