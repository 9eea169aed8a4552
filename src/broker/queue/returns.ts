/** What becomes of messages that come back: they are counted, and then ready again, or wait, or leave. */
import type { Clock } from '../../util/clock.ts'
import { DeliveryCounts } from '../messages/delivery-counts.ts'
import type { UnackedMessages } from '../messages/order.ts'
import type { Aside } from './aside.ts'
import type { Deaths } from './deaths.ts'
import { DelayedRetry, retryDelay } from './delayed-retry.ts'
import type { Queue } from './queue.ts'

export class Returns {
  private readonly queue: Queue
  private readonly order: UnackedMessages
  private readonly deaths: Deaths
  private readonly aside: Aside
  private readonly clock: Clock
  private readonly wake: () => void
  private delayed: DelayedRetry | undefined

  /** @param wake called when a message is ready again */
  constructor(
    queue: Queue,
    order: UnackedMessages,
    deaths: Deaths,
    aside: Aside,
    clock: Clock,
    wake: () => void,
  ) {
    this.queue = queue
    this.aside = aside
    this.order = order
    this.deaths = deaths
    this.clock = clock
    this.wake = wake
  }

  /** Messages that wait; the order counts them as unacked. */
  get size(): number {
    return this.delayed?.size ?? 0
  }

  /** One that has come back too often leaves instead. */
  comeBack(number: number, how: 'return' | 'fail'): void {
    if (this.aside.condemns(number)) {
      this.aside.park(number, 'delivery', new Error('its delivery has broken two connections'))
      return
    }
    const { deliveryLimit, retry } = this.queue.settings
    if (deliveryLimit < 0 && retry === undefined) {
      this.giveBack(number)
      return
    }
    const { segment, index } = this.order.find(number)
    segment.deliveryCounts ??= new DeliveryCounts()
    const count = segment.deliveryCounts.add(index)
    if (deliveryLimit >= 0 && count > deliveryLimit) this.deaths.die(number, 'delivery_limit')
    else if (retry !== undefined && (how === 'fail' ? retry.failed : retry.returned)) {
      const until = this.clock.now() + retryDelay(count, retry)
      segment.deliveryCounts.waits.set(index, until)
      this.order.changed(number)
      this.wait(number, until)
    } else this.giveBack(number)
  }

  private wait(number: number, until: number): void {
    this.delayed ??= new DelayedRetry(this.clock, (n) => {
      try {
        this.waited(n)
      } catch (error) {
        this.aside.park(n, 'retry', error)
      }
    })
    this.delayed.add(number, until)
  }

  private waited(number: number): void {
    const { segment, index } = this.order.find(number)
    segment.deliveryCounts?.waits.delete(index)
    this.giveBack(number)
  }

  /** What waited when the process ended goes on to wait. */
  restore(): void {
    for (const { number, until } of this.order.takeWaiting()) this.wait(number, until)
  }

  /** Back to its place. */
  private giveBack(number: number): void {
    this.order.giveBack(number)
    this.wake()
  }

  stop(): void {
    this.delayed?.stop()
  }
}
