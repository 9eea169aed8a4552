/** The parts of a queue, and what it needs from the broker. */

import type { Clock } from '../../util/clock.ts'
import type { Owner } from '../../util/owner.ts'
import type { Deduplication } from '../deduplication.ts'
import type { MessageOrder } from '../messages/order.ts'
import type { Turn } from '../turn.ts'
import type { AsideEnvironment } from './aside.ts'
import type { DeadLettering } from './dead-letter-outbox.ts'
import type { Queue } from './queue.ts'

/** Where the messages of a queue are. */
export interface QueueContents {
  /** undefined: it is made with `makeOrder` when the first message comes. */
  readonly order: MessageOrder | undefined
  /** The number of its (first) log, for a queue whose persistent messages outlive the process. */
  readonly log: number | undefined
  readonly deduplication: Deduplication | undefined
}

/** What every queue needs of its surroundings. */
export interface BaseEnvironment extends Owner {
  readonly turn: Turn
}

/** The same for what waits for a time of its own. */
export interface TimedEnvironment extends BaseEnvironment, Clock {}

/** What a queue needs that loses what is settled. */
export interface QueueEnvironment extends TimedEnvironment, AsideEnvironment, DeadLettering {
  /** The queue has to go by itself: x-expires, or auto-delete after its last consumer. */
  remove(queue: Queue): void
  /** For a queue without priorities. */
  makeOrder(queue: Pick<Queue, 'kind' | 'log' | 'deleted'>): MessageOrder
}
