/** Message TTL: deadlines of published messages, and expiry at the head of the queue (behaviour.md section 11). */
import { type Clock, SoonestTimer } from '../../util/clock.ts'
import type { ExpiringMessages, OrderHead } from '../messages/order.ts'
import type { Discards } from './discards.ts'

export class MessageTtl {
  /** Whether a message with a deadline was published; before that, nothing is checked. */
  active = false
  private readonly timer: SoonestTimer

  /** @param queue is woken when the message at its head may have expired */
  constructor(clock: Clock, queue: { wake(): void }) {
    this.timer = new SoonestTimer(clock, () => queue.wake())
  }

  /**
   * When a message published now expires, in ms since 1970; 0 = never. `ttl` is the message's own TTL, `queueTtl` that
   * of the queue, both in ms; -1 = none.
   */
  deadline(ttl: number, queueTtl: number, now: number): number {
    const shorter = ttl < 0 ? queueTtl : queueTtl < 0 ? ttl : Math.min(ttl, queueTtl)
    if (shorter < 0) return 0
    this.active = true
    return now + shorter
  }

  /**
   * Whether the message at the head has expired. Only deadlines in the past count: with a TTL of 0, a message still
   * reaches a consumer that has credit in the same turn.
   */
  headExpired(order: OrderHead, now: number): boolean {
    const at = order.headSegment.timeOf(order.headIndex)
    return at !== 0 && at < now
  }

  /**
   * Drops expired messages at the head, and sets the timer for the next one.
   * @param drop returns false if it did not drop the head; the remaining messages then wait
   */
  dropHeads(order: OrderHead, now: number, drop: () => boolean): void {
    while (order.head()) {
      const at = order.headSegment.timeOf(order.headIndex)
      if (at === 0) return
      if (at > now) {
        this.wakeAt(at)
        return
      }
      if (!drop()) return
    }
  }

  /** Removes expired messages from any position, as many as the turn allows. */
  takeAll(order: ExpiringMessages, now: number, discards: Discards): void {
    for (;;) {
      if (!discards.mayGoOn()) return
      const found = order.expired(now)
      if (found.length === 0) break
      for (const sequence of found) {
        order.take(sequence)
        discards.expired(sequence)
      }
    }
    const next = order.soonestExpiry()
    if (next !== 0) this.wakeAt(next)
  }

  /** Wakes the queue at that time (ms since 1970), when its head may have expired. */
  wakeAt(deadline: number): void {
    this.timer.set(deadline)
  }

  stop(): void {
    this.timer.stop()
  }
}
