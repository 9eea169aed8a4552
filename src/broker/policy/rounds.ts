/**
 * Brings changed policies to the objects that exist, in rounds over all of them. What changes while a round is under way
 * waits for the next one, all of it together: of a thousand policies that are set at once, each does not go through a
 * hundred thousand queues on its own.
 */
import { type Steps, WAIT } from '../jobs.ts'
import type { PolicyChange } from './policy.ts'

interface Round {
  /** The last one of each policy. */
  readonly changes: Map<string, PolicyChange>
  over: boolean
  /** What a step has thrown: the rest of the objects has not been looked at. */
  failed: { readonly error: unknown } | undefined
}

function newRound(): Round {
  return { changes: new Map(), over: false, failed: undefined }
}

export class PolicyRounds {
  /** Looks at all objects, and applies what has changed. */
  private readonly applying: (changes: readonly PolicyChange[]) => Steps
  private next = newRound()
  private running: { readonly round: Round; readonly steps: Steps } | undefined
  /** Steps that have been done, by whomever. */
  private done = 0

  constructor(applying: (changes: readonly PolicyChange[]) => Steps) {
    this.applying = applying
  }

  /** Ends when the change has come to all objects. */
  *having(change: PolicyChange): Steps {
    const mine = this.next
    mine.changes.set(`${change.operator} ${change.policy.name}`, change)
    let seen = this.running === undefined ? this.done : -1
    while (!mine.over) {
      // One of those who wait does it for all. If that one has stopped, another does: nobody's end ends the round.
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
