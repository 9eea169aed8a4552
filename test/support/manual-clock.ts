import type { Clock, Timer } from '../../src/util/clock.ts'

/** Time that passes only when told to. */
export class ManualClock implements Clock {
  private time: number
  /** By which the time of day is ahead of the time that passes. */
  private ahead = 0
  private timers: { at: number; action: () => void }[] = []
  private deferred: (() => void)[] = []

  /** @param time ms since 1970 */
  constructor(time = 1_700_000_000_000) {
    this.time = time
  }

  now(): number {
    return this.time + this.ahead
  }

  elapsed(): number {
    return this.time
  }

  after(ms: number, action: () => void): Timer {
    const timer = { at: this.time + ms, action }
    this.timers.push(timer)
    return {
      cancel: () => {
        this.timers = this.timers.filter((t) => t !== timer)
      },
    }
  }

  defer(action: () => void): void {
    this.deferred.push(action)
  }

  /** Runs what was deferred, and what that defers. */
  runDeferred(): void {
    for (let next = this.deferred.shift(); next !== undefined; next = this.deferred.shift()) next()
  }

  /** The clock is set, or the machine has slept: the time of day is another one, and no time passes for timers. */
  jump(ms: number): void {
    this.ahead += ms
  }

  pass(ms: number): void {
    this.time += ms
    for (;;) {
      const due = this.timers.filter((t) => t.at <= this.time).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.timers = this.timers.filter((t) => t !== due)
      due.action()
    }
    this.runDeferred()
  }
}
