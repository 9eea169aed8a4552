/**
 * Settlements that have failed, because the message could not be read from disk for want of memory, for example. Nobody
 * holds these deliveries any more, so they are settled as soon as that succeeds.
 */
import { CONTINUES_MS, SETTLED_PER_STEP } from '../../limits.ts'
import type { Timer } from '../../util/clock.ts'
import { InvariantError } from '../../util/invariant.ts'
import { charge, StoreFailure } from '../../util/owner.ts'
import { inSteps } from '../jobs.ts'
import type { TimedEnvironment } from './environment.ts'
import type { ConsumedQueue, Settlement } from './queue.ts'

export class LateSettlements {
  private readonly queue: ConsumedQueue
  private readonly env: TimedEnvironment
  private failed: { readonly sequence: number; readonly how: Settlement }[] = []
  private timer: Timer | undefined

  constructor(queue: ConsumedQueue, env: TimedEnvironment) {
    this.queue = queue
    this.env = env
  }

  /** @param error why it has failed; after a failure of the store, nothing is settled any more */
  add(sequence: number, how: Settlement, error: unknown): void {
    // What is settled already fails in each attempt.
    if (error instanceof StoreFailure || error instanceof InvariantError) return
    this.failed.push({ sequence, how })
    this.timer ??= this.env.after(CONTINUES_MS, () => this.again())
  }

  private again(): void {
    const { env, queue, failed } = this
    this.timer = undefined
    this.failed = []
    const steps = inSteps(failed, SETTLED_PER_STEP, ({ sequence, how }) => {
      try {
        queue.settle(sequence, how)
      } catch (error) {
        charge(queue, error)
      }
    })
    env.turn.jobs.begin(steps, env)
  }

  stop(): void {
    this.timer?.cancel()
    this.failed = []
  }
}
