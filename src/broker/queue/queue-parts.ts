// hot: per message
/** The parts of a work queue, made with the first message or consumer that needs them, and what others may read. */
import { QueueCounters } from '../counters.ts'
import { noMessages } from '../messages/no-messages.ts'
import type { MessageOrder } from '../messages/order.ts'
import { nothingAside, type ParkedMessages } from './aside.ts'
import { type Consumer, type ConsumerRound, nobody } from './consumers.ts'
import type { Detours } from './detours.ts'
import type { QueueEnvironment } from './environment.ts'
import { MessageTtl } from './message-ttl.ts'
import { QueueBase } from './queue-base.ts'

export abstract class QueueParts extends QueueBase<QueueEnvironment> {
  /** `noMessages` until the first message, since very many queues may have none. */
  protected order: MessageOrder = noMessages
  /** `nobody` until the first consumer, since very many queues may have none. */
  protected consumers: ConsumerRound = nobody
  /** Created with the first message that has a deadline. */
  protected ttl: MessageTtl | undefined
  protected taken: Detours | undefined

  /** Creates what a queue needs for its first message: very many queues may never have one. */
  protected begin(order = this.env.makeOrder(this)): void {
    this.order = order
    this.counters = new QueueCounters()
  }

  protected get deadlines(): MessageTtl {
    this.ttl ??= new MessageTtl(this.env, this)
    return this.ttl
  }

  get aside(): ParkedMessages {
    return this.taken?.aside ?? nothingAside
  }

  get counts(): { ready: number; unacked: number; consumers: number } {
    const hidden = this.taken === undefined ? 0 : this.taken.hidden
    return { ready: this.order.ready, unacked: this.order.unacked - hidden, consumers: this.consumers.size }
  }

  /** Octets of the bodies of ready and of unacknowledged messages. */
  get bytes(): { ready: number; unacked: number } {
    return { ready: this.order.readyBytes, unacked: this.order.unackedBytes }
  }

  get headArrivedAt(): number {
    return this.order.headSecond * 1000
  }

  get holding(): MessageOrder['holding'] {
    return this.order.holding
  }

  get activeConsumer(): Consumer | undefined {
    return this.consumers.active
  }

  get consumerList(): Iterable<Consumer> {
    return this.consumers
  }

  get hasExclusiveConsumer(): boolean {
    return this.consumers.hasExclusive
  }
}
