import { FairQueue } from './fair-queue.ts'

/** A number of places. When all are taken, addresses take turns for those that become free. */
export class FairPlaces<Waiting> {
  /** Items that wait for a place; added by callers to whom `take` has returned false. */
  readonly waiting = new FairQueue<Waiting>()
  private readonly count: () => number
  private readonly come: (next: Waiting) => void
  private taken = 0

  /**
   * @param count may change: if it falls, places that become free stay so until no more than that many are taken
   * @param come called with the next waiting item, which takes over the place that has become free
   */
  constructor(count: () => number, come: (next: Waiting) => void) {
    this.count = count
    this.come = come
  }

  /** Takes a place; false if none is free, or others wait for one. */
  take(): boolean {
    if (this.waiting.size > 0 || this.taken >= this.count()) return false
    this.taken++
    return true
  }

  leave(): void {
    this.taken--
    while (this.waiting.size > 0 && this.taken < this.count()) {
      this.taken++
      this.come(this.waiting.shift() as Waiting)
    }
  }
}
