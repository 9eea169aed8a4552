/**
 * Applies changed policies to the existing objects, in rounds over all of them. Changes that arrive during a round wait
 * for the next one, which applies them all: a thousand policies set at once do not cause a thousand passes over a
 * hundred thousand queues.
 */
import { type Steps, WAIT } from '../jobs.ts'
import type { PolicyChange } from './policy.ts'

interface Round {
  /** The latest change of each policy. */
  readonly changes: Map<string, PolicyChange>
  over: boolean
  /** The error that a step threw; the remaining objects were not visited. */
  failed: { readonly error: unknown } | undefined
}

function newRound(): Round {
  return { changes: new Map(), over: false, failed: undefined }
}

export class PolicyRounds {
  /** Visits all objects and applies the changes. */
  private readonly applying: (changes: readonly PolicyChange[]) => Steps
  private next = newRound()
  private running: { readonly round: Round; readonly steps: Steps } | undefined
  /** Number of steps done so far, by all callers together. */
  private done = 0

  constructor(applying: (changes: readonly PolicyChange[]) => Steps) {
    this.applying = applying
  }

  /** Ends when the change has been applied to all objects. */
  *having(change: PolicyChange): Steps {
    const mine = this.next
    mine.changes.set(`${change.operator} ${change.policy.name}`, change)
    let seen = this.running === undefined ? this.done : -1
    while (!mine.over) {
      // One of the waiting callers runs the steps for all. If it stops, another continues, so no caller can end the
      // round.
      const others = seen !== this.done
      if (!others) this.step()
      seen = this.done
      if (!mine.over) yield others ? WAIT : undefined
    }
    if (mine.failed !== undefined) throw mine.failed.error
  }

  private step(): void {
    this.running ??= this.begin()
    const { round, steps } = this.running
    this.done++
    try {
      if (steps.next().done !== true) return
    } catch (error) {
      round.failed = { error }
    }
    round.over = true
    this.running = undefined
  }

  private begin(): { round: Round; steps: Steps } {
    const round = this.next
    this.next = newRound()
    return { round, steps: this.applying([...round.changes.values()]) }
  }
}
