import type { Clock } from './clock.ts'

/** What may be used in one round of the event loop, by however many. */
export class RoundBudget {
  private readonly most: number
  private readonly clock: Clock
  private used = 0

  constructor(most: number, clock: Clock) {
    this.most = most
    this.clock = clock
  }

  /** False where it is used up; the first of a round may exceed it. */
  takes(amount: number): boolean {
    if (this.used > 0 && this.used + amount > this.most) return false
    // Something that costs nothing is not the first.
    if (this.used === 0 && amount > 0)
      this.clock.defer(() => {
        this.used = 0
      })
    this.used += amount
    return true
  }
}
