/**
 * Dead letters of full queues that have failed because of an internal error, such as a lack of memory, and that must not
 * be lost. They are tried again after a while. They are on disk, or in the batch being written, and are read from there,
 * so they need no memory meanwhile, however many they are.
 */
import { DEAD_LETTER_RETRY_MS, DEAD_LETTER_RETRY_MS_MAX, REFUSED_PER_STEP } from '../../limits.ts'
import type { Timer } from '../../util/clock.ts'
import { charged, type Owner } from '../../util/owner.ts'
import { inShortSteps, type Steps } from '../jobs.ts'
import type { Turn } from '../turn.ts'
import type { Recipient } from './dead-letter.ts'
import type { Family, Place } from './letter-store.ts'
import type { Queue } from './queue.ts'

/** Maximum number of attempts per round. */
const ATTEMPTS_MAX = 100

export interface FailedLetter {
  readonly family: Family
  /** The queue that refused the message. */
  readonly queue: Queue
  readonly place: Place
  /** Targets that have it: the next attempt is for the others. */
  readonly done: Set<Recipient>
}

export class FailedLetters {
  private readonly letters = new Set<FailedLetter>()
  private readonly turn: Turn
  private readonly owner: Owner
  private readonly tryAgain: (letter: FailedLetter) => void
  private delay = DEAD_LETTER_RETRY_MS
  private timer: Timer | undefined
  private running = false

  /** @param tryAgain calls `add` again if it fails, or if its batch is not written yet */
  constructor(turn: Turn, owner: Owner, tryAgain: (letter: FailedLetter) => void) {
    this.turn = turn
    this.owner = owner
    this.tryAgain = tryAgain
  }

  /** @param again whether it has failed before */
  add(letter: FailedLetter, again: boolean): void {
    this.letters.add(letter)
    if (!again) this.hasWorked()
    if (!this.running) this.startTimer()
  }

  /** Called when an attempt has succeeded: the next ones need not wait so long. */
  hasWorked(): void {
    if (this.delay === DEAD_LETTER_RETRY_MS) return
    this.delay = DEAD_LETTER_RETRY_MS
    this.timer?.cancel()
    this.timer = undefined
    if (this.letters.size > 0 && !this.running) this.startTimer()
  }

  private startTimer(): void {
    this.timer ??= this.turn.clock.after(this.delay, () => {
      this.timer = undefined
      this.delay = Math.min(2 * this.delay, DEAD_LETTER_RETRY_MS_MAX)
      this.running = true
      this.turn.jobs.begin(this.round(), this.owner)
    })
  }

  private *round(): Steps {
    const letters = this.letters.values()
    let left = Math.min(this.letters.size, ATTEMPTS_MAX)
    const next = (): boolean => {
      const { value: letter } = letters.next()
      if (letter === undefined || left-- === 0 || this.turn.isBehind()) return false
      this.letters.delete(letter)
      charged(letter.queue, () => this.tryAgain(letter))
      return true
    }
    try {
      yield* inShortSteps(this.turn.clock, REFUSED_PER_STEP, next)
    } finally {
      this.running = false
      if (this.letters.size > 0) this.startTimer()
    }
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.letters.clear()
  }
}
