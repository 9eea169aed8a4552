/**
 * Closes connections whose client takes none of the waiting output within the timeout, even if it sends heartbeats,
 * which are no sign of reading. A client that reads slowly is not affected.
 */
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../util/clock.ts'

/** Number of checks per timeout. */
const LOOKS = 4

export interface Sending {
  /** Octets that the operating system has not taken yet. */
  readonly waiting: number
  /** Two numbers, at least one of which changes when octets leave. */
  readonly octetsGone: number
  readonly octetsQueued: number
  /** Called if no octets left within the timeout. */
  stalled(): void
}

export class SendTimeout {
  private timer: Timer | undefined
  private gone = 0
  private queued = 0
  private idleLooks = 0
  private readonly clock: Clock
  private readonly ms: number
  private readonly sending: Sending

  /** @param ms 0 or Infinity = no limit */
  constructor(ms: number, clock: Clock, sending: Sending) {
    this.ms = ms
    this.clock = clock
    this.sending = sending
  }

  /** Starts checking; ends when no output is waiting any more. */
  watch(): void {
    if (this.timer !== undefined || this.ms <= 0 || this.ms === Number.POSITIVE_INFINITY) return
    this.idleLooks = 0
    this.note()
    this.arm()
  }

  private arm(): void {
    this.timer = this.clock.after(this.ms / LOOKS, () => {
      this.timer = undefined
      this.look()
    })
  }

  private note(): void {
    this.gone = this.sending.octetsGone
    this.queued = this.sending.octetsQueued
  }

  private look(): void {
    const { sending } = this
    if (sending.waiting === 0) return
    const idle = sending.octetsGone === this.gone && sending.octetsQueued === this.queued
    this.idleLooks = idle ? this.idleLooks + 1 : 0
    if (this.idleLooks >= LOOKS) {
      sending.stalled()
      return
    }
    this.note()
    this.arm()
  }

  stop(): void {
    this.timer?.cancel()
    // Prevents `watch` from starting again.
    this.timer = { cancel: () => {} }
  }
}

interface Insides {
  _handle?: { writeQueueSize?: unknown } | null
  /** Only for a stream on top of a socket: that socket. */
  carrier?: Socket
}

/** Octets of the current write that the operating system has not taken; 0 if Node's internals do not tell. */
export function octetsUnderWay(socket: Socket): number {
  const outer = socket as unknown as Insides
  const { _handle: handle } = (outer.carrier ?? outer) as Insides
  const size = handle?.writeQueueSize
  return typeof size === 'number' ? size : 0
}
