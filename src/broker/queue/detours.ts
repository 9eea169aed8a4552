/**
 * What may happen to the messages of a queue besides being delivered and acknowledged: they come back, are discarded or
 * dead-lettered, or are set aside. Hardly one of very many queues needs any of this, so it is made for the first such
 * message.
 */
import type { MessageOrder } from '../messages/order.ts'
import type { Pumped } from '../turn.ts'
import { Aside } from './aside.ts'
import { DeadLetterOutbox } from './dead-letter-outbox.ts'
import { Discards } from './discards.ts'
import type { QueueEnvironment } from './environment.ts'
import type { Queue } from './queue.ts'
import { Requeues } from './requeues.ts'

export class Detours {
  readonly aside: Aside
  readonly outbox: DeadLetterOutbox
  readonly discards: Discards
  readonly requeues: Requeues

  constructor(queue: Queue & Pumped & { cameBack(): void }, order: MessageOrder, env: QueueEnvironment) {
    this.aside = new Aside(env)
    this.outbox = new DeadLetterOutbox(queue, order, env, this.aside)
    this.discards = new Discards(env.turn, queue, order, this.outbox)
    this.requeues = new Requeues(queue, order, this.outbox, this.aside, env)
  }

  /** Messages that are neither ready nor unacked; the order counts them as unacked. */
  get hidden(): number {
    return this.requeues.size + this.outbox.size + this.aside.size
  }

  stop(): void {
    this.requeues.stop()
    this.outbox.stop()
  }
}
