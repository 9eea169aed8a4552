/** The free space on the disk: cached for a moment, and queried before every batch unless it is plentiful. */

import { elapsed } from '../../util/timers.ts'

/** ms for which a value is cached if space is plentiful. */
const HOLDS_MS = 100
/** Surplus above which space is plentiful: nothing writes that much within HOLDS_MS. */
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

  /** Whether there is space for `bytes` and `others` together; counts `bytes` as used until the next query. */
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
