import type { Clock } from './clock.ts'

/** A budget for one turn of the event loop that all users share. */
export class RoundBudget {
  private readonly most: number
  private readonly clock: Clock
  private used = 0

  constructor(most: number, clock: Clock) {
    this.most = most
    this.clock = clock
  }

  /** Takes the amount, or returns false if not enough is left. The first amount of a turn may exceed the maximum. */
  takes(amount: number): boolean {
    if (this.used > 0 && this.used + amount > this.most) return false
    // An amount of 0 is not the first.
    if (this.used === 0 && amount > 0)
      this.clock.defer(() => {
        this.used = 0
      })
    this.used += amount
    return true
  }
}
