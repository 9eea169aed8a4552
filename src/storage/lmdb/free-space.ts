/** How much is free on the disk: asked anew after a moment, and before every batch where it is not plenty. */

import { elapsed } from '../../util/timers.ts'

/** ms for which an answer holds where there is plenty. */
const HOLDS_MS = 100
/** Octets beyond what is needed that are plenty: no disk takes so much from others in that time. */
const PLENTY_BYTES = 1024 * 1024 * 1024

export class FreeSpace {
  private readonly ask: () => number
  private readonly now: () => number
  private last = 0
  private askedAt = Number.NEGATIVE_INFINITY

  constructor(ask: () => number, now: () => number = elapsed) {
    this.ask = ask
    this.now = now
  }

  /** Whether there is room for so many octets that are going to be written, and for others. */
  has(bytes: number, others: number): boolean {
    const needed = bytes + others
    const now = this.now()
    if (now - this.askedAt >= HOLDS_MS || this.last < needed + PLENTY_BYTES) {
      this.last = this.ask()
      this.askedAt = now
    }
    this.last -= bytes
    return this.last + bytes >= needed
  }
}
