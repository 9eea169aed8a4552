/** Handles requeued messages: counts them, then makes them ready, delays them, or dead-letters them. */
import { charged } from '../../util/owner.ts'
import { DeliveryCounts } from '../messages/delivery-counts.ts'
import type { UnackedMessages } from '../messages/order.ts'
import { type Aside, BROKE_TWO } from './aside.ts'
import type { DeadLetterOutbox } from './dead-letter-outbox.ts'
import { DelayedRetry, retryDelay } from './delayed-retry.ts'
import type { TimedEnvironment } from './environment.ts'
import type { Queue } from './queue.ts'

export class Requeues {
  private readonly queue: Queue & { cameBack(): void }
  private readonly order: UnackedMessages
  private readonly outbox: DeadLetterOutbox
  private readonly aside: Aside
  private readonly env: TimedEnvironment
  private delayed: DelayedRetry | undefined

  /** @param queue is notified when a message is ready again */
  constructor(
    queue: Queue & { cameBack(): void },
    order: UnackedMessages,
    outbox: DeadLetterOutbox,
    aside: Aside,
    env: TimedEnvironment,
  ) {
    this.queue = queue
    this.aside = aside
    this.order = order
    this.outbox = outbox
    this.env = env
  }

  /** Number of delayed messages; `order` counts them as unacknowledged. */
  get size(): number {
    return this.delayed?.size ?? 0
  }

  /** Requeues a message, or dead-letters it if it was requeued too often. */
  requeue(sequence: number, how: 'return' | 'fail'): void {
    if (this.aside.condemns(sequence)) {
      this.aside.park(sequence, 'delivery', new Error(BROKE_TWO))
      return
    }
    const { deliveryLimit, retry } = this.queue.settings
    if (deliveryLimit < 0 && retry === undefined && !this.queue.kind.tellsReturns) {
      this.makeReady(sequence)
      return
    }
    const { segment, index } = this.order.find(sequence)
    segment.deliveryCounts ??= new DeliveryCounts()
    const count = segment.deliveryCounts.add(index)
    if (deliveryLimit >= 0 && count > deliveryLimit) this.outbox.die(sequence, 'delivery_limit')
    else if (retry !== undefined && (how === 'fail' ? retry.failed : retry.returned)) {
      const until = this.env.now() + retryDelay(count, retry)
      segment.deliveryCounts.waits.set(index, until)
      this.order.changed(sequence)
      this.wait(sequence, until)
    } else this.makeReady(sequence)
  }

  private wait(sequence: number, until: number): void {
    this.delayed ??= new DelayedRetry(this.env, (n) => {
      try {
        this.waited(n)
      } catch (error) {
        this.aside.park(n, 'retry', error)
      }
    })
    this.delayed.add(sequence, until)
  }

  private waited(sequence: number): void {
    const { segment, index } = this.order.find(sequence)
    segment.deliveryCounts?.waits.delete(index)
    this.makeReady(sequence)
  }

  /** Messages that were delayed when the process ended continue to wait. */
  restore(waiting: readonly { readonly number: number; readonly until: number }[]): void {
    for (const { number: sequence, until } of waiting) this.wait(sequence, until)
  }

  /** Returns the message to its position. */
  private makeReady(sequence: number): void {
    this.order.requeue(sequence)
    // Whatever fails then, the message has returned.
    charged(this.queue, () => this.queue.cameBack())
  }

  stop(): void {
    this.delayed?.stop()
  }
}
