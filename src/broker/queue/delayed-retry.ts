/**
 * x-delayed-retry-*: a requeued message waits until it is ready again, for `min` ms times the number of its returns but
 * at most `max` ms. Meanwhile it counts as unacknowledged. One timer serves the message that is due first.
 */

import { TIMED_PER_PIECE } from '../../limits.ts'
import { SoonestTimer } from '../../util/clock.ts'
import { Heap } from '../../util/heap.ts'
import type { TimedEnvironment } from './environment.ts'
import type { RetrySettings } from './queue.ts'

/**
 * How long a requeued message waits, in ms.
 * @param count how often the message has been requeued
 */
export function retryDelay(count: number, { min, max }: RetrySettings): number {
  return Math.min(min * Math.max(1, count), max)
}

export class DelayedRetry {
  private readonly waiting = new Heap()
  private readonly env: TimedEnvironment
  private readonly requeue: (sequence: number) => void
  private readonly timer: SoonestTimer

  /** @param requeue called to make the message ready again */
  constructor(env: TimedEnvironment, requeue: (sequence: number) => void) {
    this.env = env
    this.requeue = requeue
    this.timer = new SoonestTimer(env, () => this.due())
  }

  /** Number of waiting messages. */
  get size(): number {
    return this.waiting.size
  }

  /** @param until in ms since 1970 */
  add(sequence: number, until: number): void {
    this.waiting.push(until, sequence)
    this.arm()
  }

  private arm(): void {
    if (this.waiting.size > 0) this.timer.set(this.waiting.firstKey)
  }

  /** Requeues the messages that are due: a piece at a time, since a million may be due at once. */
  private due(): void {
    const { env, waiting } = this
    env.turn.jobs.soon(env, () => {
      const now = env.now()
      for (let left = TIMED_PER_PIECE; waiting.size > 0 && waiting.firstKey <= now; left--) {
        if (left === 0) {
          this.due()
          return
        }
        this.requeue(waiting.pop())
      }
      this.arm()
    })
  }

  stop(): void {
    this.timer.stop()
    this.waiting.clear()
  }
}
