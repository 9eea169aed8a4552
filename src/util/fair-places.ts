import { FairQueue } from './fair-queue.ts'

/** A number of places; where all are taken, addresses take turns for those that become free. */
export class FairPlaces<Waiting> {
  /** Put in by whoever finds no place free. */
  readonly waiting = new FairQueue<Waiting>()
  private readonly count: number
  private readonly come: (next: Waiting) => void
  private taken = 0

  /** @param come called for the next one, which has the place of one that has left */
  constructor(count: number, come: (next: Waiting) => void) {
    this.count = count
    this.come = come
  }

  /** False where none is free. */
  take(): boolean {
    if (this.taken >= this.count) return false
    this.taken++
    return true
  }

  leave(): void {
    const next = this.waiting.shift()
    if (next === undefined) this.taken--
    else this.come(next)
  }
}
