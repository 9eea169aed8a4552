import { type BindingRequest, bind, unbind } from '../../operations/bindings.ts'
import { notFound } from '../../operations/caller.ts'
import {
  declareQueue,
  declareQueuePassive,
  deleteQueue,
  isReplyName,
  purgeQueue,
} from '../../operations/queues.ts'
import { MethodId } from '../../protocol/generated/constants.ts'
import type { QueueBind, QueueDeclare, QueueUnbind, ServerMethod } from '../../protocol/generated/methods.ts'
import type { Channel } from '../channel.ts'
import type { Handlers } from './handler.ts'

/** Resolves an empty name to the queue declared last on the channel. @throws AmqpError 404 if no queue was declared */
export function queueName(ch: Channel, name: string): string {
  if (name !== '') return name
  if (ch.lastQueue === '') throw notFound('no previously declared queue')
  return ch.lastQueue
}

function toRequest(ch: Channel, m: QueueBind | QueueUnbind): BindingRequest {
  const destination = queueName(ch, m.queue)
  return {
    source: m.exchange,
    destination,
    destinationType: 'queue',
    routingKey: m.queue === '' && m.routingKey === '' ? destination : m.routingKey,
    arguments: m.arguments,
  }
}

function declare(ch: Channel, m: QueueDeclare): ServerMethod | undefined {
  if (isReplyName(ch.caller, m.queue))
    return m.nowait
      ? undefined
      : { id: MethodId.QueueDeclareOk, queue: m.queue, messageCount: 0, consumerCount: 1 }
  // Unlike other methods, a passive declaration does not replace an empty name by the queue declared last.
  const queue = m.passive
    ? declareQueuePassive(ch.caller, m.queue)
    : declareQueue(ch.broker, ch.caller, { ...m, name: m.queue })
  ch.lastQueue = queue.name
  if (m.nowait) return undefined
  const { ready, consumers } = queue.counts
  return { id: MethodId.QueueDeclareOk, queue: queue.name, messageCount: ready, consumerCount: consumers }
}

export const queueMethods = {
  [MethodId.QueueDeclare](ch, m) {
    ch.client.replyWhenDurable(ch, () => declare(ch, m))
  },

  [MethodId.QueueBind](ch, m) {
    ch.client.replyWhenDurable(ch, () => {
      bind(ch.caller, toRequest(ch, m))
      return m.nowait ? undefined : { id: MethodId.QueueBindOk }
    })
  },

  [MethodId.QueueUnbind](ch, m) {
    ch.client.replyWhenDurable(ch, () => {
      unbind(ch.caller, toRequest(ch, m))
      return { id: MethodId.QueueUnbindOk }
    })
  },

  [MethodId.QueuePurge](ch, m) {
    ch.client.replyWhenDurable(ch, () => {
      const messageCount = purgeQueue(ch.caller, queueName(ch, m.queue))
      if (messageCount > 0) ch.broker.commit.noteChange()
      return m.nowait ? undefined : { id: MethodId.QueuePurgeOk, messageCount }
    })
  },

  [MethodId.QueueDelete](ch, m) {
    ch.client.replyWhenDurable(ch, () => {
      const messageCount = deleteQueue(ch.caller, queueName(ch, m.queue), m.ifUnused, m.ifEmpty)
      return m.nowait ? undefined : { id: MethodId.QueueDeleteOk, messageCount }
    })
  },
} satisfies Partial<Handlers>
