/**
 * x-delayed-retry-*: requeued messages wait before they are ready again, for min times the number of returns, at most
 * max. Meanwhile they count as unacked. One timer serves the first that is due.
 */

import type { Clock, Timer } from '../../util/clock.ts'
import { Heap } from '../../util/heap.ts'
import type { RetrySettings } from './queue.ts'

/**
 * In ms.
 *
 * @param count how often the message has been requeued
 */
export function retryDelay(count: number, { min, max }: RetrySettings): number {
  return Math.min(min * Math.max(1, count), max)
}

export class DelayedRetry {
  private readonly waiting = new Heap()
  private readonly clock: Clock
  private readonly requeue: (sequence: number) => void
  private timer: Timer | undefined
  private timerAt = 0

  /** @param requeue called to make the message ready again */
  constructor(clock: Clock, requeue: (sequence: number) => void) {
    this.clock = clock
    this.requeue = requeue
  }

  /** Messages that wait. */
  get size(): number {
    return this.waiting.size
  }

  /** @param until in ms since 1970 */
  add(sequence: number, until: number): void {
    this.waiting.push(until, sequence)
    this.arm()
  }

  private arm(): void {
    if (this.waiting.size === 0) return
    const at = this.waiting.firstKey
    if (this.timer !== undefined) {
      if (this.timerAt <= at) return
      this.timer.cancel()
    }
    this.timerAt = at
    this.timer = this.clock.after(Math.max(0, at - this.clock.now()), () => this.due())
  }

  private due(): void {
    this.timer = undefined
    const now = this.clock.now()
    while (this.waiting.size > 0 && this.waiting.firstKey <= now) this.requeue(this.waiting.pop())
    this.arm()
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.waiting.clear()
  }
}
