/** x-expires: the queue goes when nobody has used it for that long (behaviour.md section 11). */
import type { Clock, Timer } from '../../util/clock.ts'

export class QueueExpiry {
  private readonly clock: Clock
  private readonly period: number
  private readonly expire: () => void
  private timer: Timer | undefined
  private lastUse: number
  private consumers: number

  /** @param period in ms; @param consumers how many the queue has now */
  constructor(period: number, clock: Clock, consumers: number, expire: () => void) {
    this.clock = clock
    this.consumers = consumers
    this.period = period
    this.expire = expire
    this.lastUse = clock.now()
    this.arm(period)
  }

  /** A get, a redeclaration, or a consumer that came or went. */
  used(consumers: number): void {
    this.lastUse = this.clock.now()
    this.consumers = consumers
    if (this.timer === undefined && consumers === 0) this.arm(this.period)
  }

  private arm(ms: number): void {
    this.timer = this.clock.after(ms, () => {
      this.timer = undefined
      if (this.consumers > 0) return
      const left = this.lastUse + this.period - this.clock.now()
      if (left <= 0) this.expire()
      else this.arm(left)
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
  }
}
