import { randomBytes } from 'node:crypto'
import { typeName } from '../../broker/arguments/table.ts'
import { REPLY_TO, replyQueueName } from '../../broker/direct-reply.ts'
import type { WorkQueue } from '../../broker/queue/work-queue.ts'
import { writeContent } from '../../connection/content-writer.ts'
import { CONSUMERS_PER_CHANNEL_MAX } from '../../limits.ts'
import {
  accessRefused,
  checkAccess,
  cleanName,
  describeQueue,
  existingQueue,
} from '../../operations/caller.ts'
import { AmqpError, preconditionFailed, ReplyCode } from '../../protocol/errors.ts'
import { integerOf } from '../../protocol/field-table.ts'
import { MethodId } from '../../protocol/generated/constants.ts'
import type { BasicConsume } from '../../protocol/generated/methods.ts'
import type { Channel } from '../channel.ts'
import { ChannelConsumer } from '../consumer.ts'
import { countedMessage } from '../counted.ts'
import type { Handlers } from './handler.ts'
import { queueName } from './queue.ts'

function notAllowed(text: string): AmqpError {
  return new AmqpError(ReplyCode.NotAllowed, text)
}

/** @throws AmqpError 403, 404, 405 */
function readableQueue(ch: Channel, name: string): WorkQueue {
  const wanted = cleanName(queueName(ch, name))
  checkAccess(ch.caller, 'read', 'queue', wanted)
  return existingQueue(ch.caller, wanted)
}

/** x-priority of a consumer. @throws AmqpError 406 */
function priorityOf(ch: Channel, m: BasicConsume, queue: string): number {
  const v = m.arguments.get('x-priority')
  if (v === undefined) return 0
  const n = integerOf(v)
  if (n !== undefined) return n
  throw preconditionFailed(
    `invalid arg 'x-priority' for ${describeQueue(ch.caller, queue)}: "expected integer, got ${typeName(v)}"`,
  )
}

function consume(ch: Channel, m: BasicConsume): void {
  const tag = m.consumerTag === '' ? `amq.ctag-${randomBytes(16).toString('base64url')}` : m.consumerTag
  if (ch.consumers.has(tag)) throw notAllowed(`attempt to reuse consumer tag '${tag}'`)
  if (ch.consumers.size >= CONSUMERS_PER_CHANNEL_MAX)
    throw notAllowed(`reached maximum (${CONSUMERS_PER_CHANNEL_MAX}) of consumers per channel`)
  if (queueName(ch, m.queue) === REPLY_TO) {
    consumeReplies(ch, m, tag)
    return
  }
  const queue = readableQueue(ch, m.queue)
  const others = queue.counts.consumers
  if (queue.hasExclusiveConsumer || (m.exclusive && (others > 0 || queue.singleActive)))
    throw accessRefused(`${describeQueue(ch.caller, queue.name)} in exclusive use`)
  const { noAck, exclusive } = m
  const priority = priorityOf(ch, m, queue.name)
  const c = new ChannelConsumer(ch, queue, { tag, noAck, exclusive, priority, prefetch: ch.prefetch })
  ch.consumers.set(tag, c)
  if (!m.nowait) ch.send({ id: MethodId.BasicConsumeOk, consumerTag: tag })
  queue.consume(c)
}

/** Consuming from the name that stands for direct reply-to. @throws AmqpError 406 */
function consumeReplies(ch: Channel, m: BasicConsume, tag: string): void {
  if (ch.replyConsumer !== undefined) throw preconditionFailed('reply consumer already set')
  if (!m.noAck) throw preconditionFailed('reply consumer cannot acknowledge')
  const name = replyQueueName(randomBytes(16).toString('base64url'))
  const queue = ch.broker.createReplyQueue(ch.caller.vhost, name, ch.caller.owner)
  const c = new ChannelConsumer(ch, queue, { tag, noAck: true, exclusive: true, priority: 0, prefetch: 0 })
  ch.consumers.set(tag, c)
  ch.replyConsumer = { tag, name }
  if (!m.nowait) ch.send({ id: MethodId.BasicConsumeOk, consumerTag: tag })
  queue.consume(c)
}

/** Answers a basic.get: the message is copied out before it is taken. */
function get(ch: Channel, queue: WorkQueue, noAck: boolean): void {
  const found = queue.get()
  if (found === undefined) {
    ch.send({ id: MethodId.BasicGetEmpty, clusterId: '' })
    return
  }
  const { segment, index, number } = found
  const bytes = segment.bytes as Uint8Array
  const names = Buffer.from(
    bytes.buffer,
    segment.namesStart(index),
    segment.contentStart(index) - segment.namesStart(index),
  )
  const x = names[0] as number
  ch.send({
    id: MethodId.BasicGetOk,
    deliveryTag: noAck ? ch.unsettled.skip() : ch.unsettled.add(queue, number, undefined),
    redelivered: segment.wasDelivered(index),
    exchange: names.toString('utf8', 1, 1 + x),
    routingKey: names.toString('utf8', 2 + x),
    messageCount: queue.counts.ready - 1,
  })
  const { output, frameBytesMax } = ch.connection
  const counted = countedMessage(segment, index)
  if (counted !== undefined) {
    const { source, contentStart, contentEnd } = counted
    writeContent(output, ch.number, source, contentStart, contentEnd, frameBytesMax, undefined)
  } else {
    const end = (segment.offsets[index] as number) + segment.entryLength(index)
    const owner = segment.adopted ? segment : undefined
    writeContent(output, ch.number, bytes, segment.contentStart(index), end, frameBytesMax, owner)
  }
  queue.takeGot(noAck)
}

/** Settles now, or with the transaction's commit. */
export function settle(ch: Channel, tag: number, multiple: boolean, how: 'ack' | 'requeue' | 'reject'): void {
  if (ch.transaction === undefined) ch.settle(tag, multiple, how)
  else ch.transaction.addSettle(ch, tag, multiple, how)
}

function recover(ch: Channel, requeue: boolean): void {
  if (!requeue) throw new AmqpError(ReplyCode.NotImplemented, 'requeue=false')
  ch.requeueAll()
}

export const basicMethods = {
  [MethodId.BasicQos](ch, m) {
    if (m.prefetchSize !== 0)
      throw new AmqpError(ReplyCode.NotImplemented, `prefetch_size!=0 (${m.prefetchSize})`)
    if (m.global) {
      ch.sharedPrefetch = m.prefetchCount
      ch.resumeConsumers()
    } else ch.prefetch = m.prefetchCount
    ch.send({ id: MethodId.BasicQosOk })
  },

  [MethodId.BasicConsume](ch, m) {
    consume(ch, m)
  },

  [MethodId.BasicCancel](ch, m) {
    ch.removeConsumer(m.consumerTag)
    if (!m.nowait) ch.send({ id: MethodId.BasicCancelOk, consumerTag: m.consumerTag })
  },

  /** The answer to a cancel that the server sent without asking for one; some clients send it all the same. */
  [MethodId.BasicCancelOk]() {},

  [MethodId.BasicGet](ch, m) {
    get(ch, readableQueue(ch, m.queue), m.noAck)
  },

  [MethodId.BasicAck](ch, m) {
    settle(ch, m.deliveryTag, m.multiple, 'ack')
  },

  [MethodId.BasicReject](ch, m) {
    settle(ch, m.deliveryTag, false, m.requeue ? 'requeue' : 'reject')
  },

  [MethodId.BasicNack](ch, m) {
    settle(ch, m.deliveryTag, m.multiple, m.requeue ? 'requeue' : 'reject')
  },

  [MethodId.BasicRecover](ch, m) {
    recover(ch, m.requeue)
    ch.send({ id: MethodId.BasicRecoverOk })
  },

  [MethodId.BasicRecoverAsync](ch, m) {
    recover(ch, m.requeue)
  },
} satisfies Partial<Handlers>
