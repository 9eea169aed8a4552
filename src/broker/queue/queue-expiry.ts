/** x-expires: deletes the queue after it has been unused for that time (behaviour.md section 11). */
import type { Timer } from '../../util/clock.ts'
import type { TimedEnvironment } from './environment.ts'

export class QueueExpiry {
  private readonly env: TimedEnvironment
  private readonly period: number
  private readonly expire: () => void
  private timer: Timer | undefined
  /** Time of the last use, in ms as returned by `elapsed`. */
  private lastUse: number
  private consumers: number
  private stopped = false

  /**
   * @param period in ms
   * @param consumers the current number of consumers
   */
  constructor(period: number, env: TimedEnvironment, consumers: number, expire: () => void) {
    this.env = env
    this.consumers = consumers
    this.period = period
    this.expire = expire
    this.lastUse = env.elapsed()
    this.arm(period)
  }

  /** Called for basic.get, for a redeclaration, and when a consumer is added or removed. */
  used(consumers: number): void {
    this.lastUse = this.env.elapsed()
    this.consumers = consumers
    if (this.timer === undefined && consumers === 0) this.arm(this.period)
  }

  private arm(ms: number): void {
    this.timer = this.env.after(ms, () => {
      this.timer = undefined
      this.env.turn.jobs.soon(this.env, () => this.check())
    })
  }

  private check(): void {
    if (this.stopped || this.timer !== undefined || this.consumers > 0) return
    const left = this.lastUse + this.period - this.env.elapsed()
    if (left <= 0) this.expire()
    else this.arm(left)
  }

  stop(): void {
    this.stopped = true
    this.timer?.cancel()
    this.timer = undefined
  }
}
