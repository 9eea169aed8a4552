/** What a queue needs from the broker. */

import type { Clock } from '../../util/clock.ts'
import type { Owner } from '../../util/owner.ts'
import type { Deduplication } from '../deduplication.ts'
import type { MessageOrder } from '../messages/order.ts'
import type { Turn } from '../turn.ts'
import type { AsideEnvironment } from './aside.ts'
import type { DeadLettering } from './dead-letter-outbox.ts'
import type { Queue } from './queue.ts'

/** Where the messages of a queue are stored. */
export interface QueueContents {
  /** undefined: created with `makeOrder` for the first message. */
  readonly order: MessageOrder | undefined
  /** Number of the queue's first log, if its persistent messages survive a restart. */
  readonly log: number | undefined
  readonly deduplication: Deduplication | undefined
}

/** Needed by every queue. */
export interface BaseEnvironment extends Owner {
  readonly turn: Turn
}

/** Needed by parts that use timers. */
export interface TimedEnvironment extends BaseEnvironment, Clock {}

/** Needed by a queue whose messages are removed when they are settled. */
export interface QueueEnvironment extends TimedEnvironment, AsideEnvironment, DeadLettering {
  /** Deletes the queue because of x-expires, or of auto-delete after its last consumer. */
  remove(queue: Queue): void
  /** Creates the storage of messages for a queue without priorities. */
  makeOrder(queue: Pick<Queue, 'kind' | 'log' | 'deleted'>): MessageOrder
}
