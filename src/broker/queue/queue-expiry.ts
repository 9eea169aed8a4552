/** x-expires: the queue is deleted after that time without use (behaviour.md section 11). */
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

  /** Called for a get, a redeclaration, and a consumer that is added or removed. */
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
