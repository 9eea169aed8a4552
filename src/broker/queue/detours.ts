/**
 * Handles the messages of a queue that are not simply delivered and acknowledged: they are requeued, discarded,
 * dead-lettered or parked. Hardly any queue needs this, so it is created for the first such message.
 */
import type { MessageOrder } from '../messages/order.ts'
import type { Pumped } from '../turn.ts'
import { Aside } from './aside.ts'
import { DeadLetterOutbox } from './dead-letter-outbox.ts'
import { Discards } from './discards.ts'
import type { QueueEnvironment } from './environment.ts'
import { LateSettlements } from './late-settlements.ts'
import type { Queue } from './queue.ts'
import { Requeues } from './requeues.ts'

export class Detours {
  readonly aside: Aside
  readonly outbox: DeadLetterOutbox
  readonly discards: Discards
  readonly requeues: Requeues
  readonly late: LateSettlements

  constructor(queue: Queue & Pumped & { cameBack(): void }, order: MessageOrder, env: QueueEnvironment) {
    this.aside = new Aside(env)
    this.outbox = new DeadLetterOutbox(queue, order, env, this.aside)
    this.discards = new Discards(env.turn, queue, order, this.outbox)
    this.requeues = new Requeues(queue, order, this.outbox, this.aside, env)
    this.late = new LateSettlements(queue, env)
  }

  /** Number of messages that are neither ready nor unacknowledged; `order` counts them as unacknowledged. */
  get hidden(): number {
    return this.requeues.size + this.outbox.size + this.aside.size
  }

  stop(): void {
    this.requeues.stop()
    this.outbox.stop()
    this.late.stop()
  }
}
