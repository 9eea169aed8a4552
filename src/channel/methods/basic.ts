import { randomBytes } from 'node:crypto'
import { checkConsumerArguments } from '../../broker/arguments/consumer.ts'
import { REPLY_TO, replyQueueName } from '../../broker/direct-reply.ts'
import type { InboundMessage, MessageNames } from '../../broker/message.ts'
import type { Delivery, Queue, Settlement } from '../../broker/queue/queue.ts'
import { streamOffset } from '../../broker/queue/stream/offset.ts'
import { CONSUMER_ARGUMENTS_BYTES_MAX } from '../../limits.ts'
import { accessRefused, describeQueue } from '../../operations/caller.ts'
import { gettableQueue, readableQueue } from '../../operations/messages.ts'
import { writeContent } from '../../output/content-writer.ts'
import { AmqpError, preconditionFailed, ReplyCode } from '../../protocol/errors.ts'
import { MethodId } from '../../protocol/generated/constants.ts'
import type { BasicConsume } from '../../protocol/generated/methods.ts'
import type { Channel } from '../channel.ts'
import { ChannelConsumer, isOutOfMemory } from '../consumer.ts'
import type { Handlers } from './handler.ts'
import { queueName } from './queue.ts'

function notAllowed(text: string): AmqpError {
  return new AmqpError(ReplyCode.NotAllowed, text)
}

function consume(ch: Channel, m: BasicConsume): void {
  const tag = m.consumerTag === '' ? `amq.ctag-${randomBytes(16).toString('base64url')}` : m.consumerTag
  ch.dropGone(tag)
  if (ch.consumers.has(tag)) throw notAllowed(`attempt to reuse consumer tag '${tag}'`)
  const { consumersPerChannel } = ch.client.limits
  if (ch.consumers.size >= consumersPerChannel)
    throw notAllowed(`reached maximum (${consumersPerChannel}) of consumers per channel`)
  if (ch.consumerArgumentsBytes + m.arguments.bytes.length > CONSUMER_ARGUMENTS_BYTES_MAX)
    throw notAllowed(
      `arguments of the consumers of the channel are larger than ${CONSUMER_ARGUMENTS_BYTES_MAX} octets`,
    )
  if (queueName(ch, m.queue) === REPLY_TO) {
    consumeReplies(ch, m, tag)
    return
  }
  const queue = readableQueue(ch.caller, queueName(ch, m.queue))
  const what = describeQueue(ch.caller, queue.name)
  const { noAck } = m
  const exclusive = m.exclusive && queue.kind.exclusiveConsumers
  checkConsumerArguments(m.arguments, queue.kind, what)
  if (
    queue.hasExclusiveConsumer ||
    (exclusive && (queue.counts.consumers > 0 || queue.settings.singleActiveConsumer))
  )
    throw accessRefused(`${what} in exclusive use`)
  const priority = m.arguments.integer('x-priority') ?? 0
  const timeout = m.arguments.integer('x-consumer-timeout')
  if (queue.kind.positions) checkReadable(ch, m, what)
  if (!queue.kind.sharedPrefetch && ch.sharedPrefetch > 0)
    throw new AmqpError(ReplyCode.NotImplemented, `${what} does not support global qos`)
  if (queue.kind.positions) streamOffset(m.arguments, 0, what)
  const options = { tag, noAck, exclusive, priority, prefetch: ch.prefetch, timeout, arguments: m.arguments }
  const c = new ChannelConsumer(ch, queue, options)
  // Messages published before are delivered to the consumers that existed then.
  ch.broker.turn.pumpNow()
  ch.consumers.set(tag, c)
  ch.consumerArgumentsBytes += m.arguments.bytes.length
  if (!m.nowait) ch.send({ id: MethodId.BasicConsumeOk, consumerTag: tag })
  queue.consume(c)
}

/** Checks the requirements for consumers of streams. @throws AmqpError 406 or 540 */
function checkReadable(ch: Channel, m: BasicConsume, what: string): void {
  if (ch.prefetch === 0) throw preconditionFailed(`consumer prefetch count is not set for stream ${what}`)
  if (m.noAck)
    throw new AmqpError(ReplyCode.NotImplemented, `automatic acknowledgement not supported by stream ${what}`)
}

/** Consumes from the pseudo-queue of direct reply-to. @throws AmqpError 406 */
function consumeReplies(ch: Channel, m: BasicConsume, tag: string): void {
  if (ch.replyConsumer !== undefined) throw preconditionFailed('reply consumer already set')
  if (!m.noAck) throw preconditionFailed('reply consumer cannot acknowledge')
  const name = replyQueueName(randomBytes)
  const queue = ch.broker.createReplyQueue(ch.caller.vhost, name, ch.caller.owner)
  const c = new ChannelConsumer(ch, queue, { tag, noAck: true, exclusive: true, priority: 0, prefetch: 0 })
  ch.consumers.set(tag, c)
  ch.replyConsumer = { tag, name }
  if (!m.nowait) ch.send({ id: MethodId.BasicConsumeOk, consumerTag: tag })
  queue.consume(c)
}

interface Readable extends Delivery, MessageNames {
  /** The message to send instead of the published one; undefined = the published one. */
  readonly rewritten: InboundMessage | undefined
}

/** The first ready message that can be read, with its names decoded. Unreadable messages are parked. */
function nextReadable(queue: Queue): Readable | undefined {
  for (let found = queue.get(); found !== undefined; found = queue.get())
    try {
      return readable(queue, found)
    } catch (error) {
      queue.setAside(found.sequence, 'get', error)
    }
  return undefined
}

function readable(queue: Queue, found: Delivery): Readable {
  const rewritten = queue.rewritesOnDelivery ? queue.asDelivered(found) : undefined
  return { ...found, ...found.segment.names(found.index), rewritten }
}

/** Handles basic.get. */
function get(ch: Channel, queue: Queue, noAck: boolean): void {
  for (let found = nextReadable(queue); found !== undefined; found = nextReadable(queue))
    if (give(ch, queue, found, noAck)) return
  ch.counters.gotEmpty++
  ch.send({ id: MethodId.BasicGetEmpty, clusterId: '' })
}

/**
 * Copies the message to the output, then removes it from the queue. Returns false if it cannot be sent and was parked;
 * as with a delivery, the connection is closed if part of it was sent, or for want of memory.
 */
function give(ch: Channel, queue: Queue, found: Readable, noAck: boolean): boolean {
  const { counters, unsettled } = ch
  const { segment, index, sequence } = found
  if (!noAck) ch.noteDelivery()
  const redelivered = segment.wasDelivered(index)
  const before = ch.client.output.position
  const tag = noAck ? unsettled.skip() : unsettled.add(queue, sequence, undefined)
  try {
    ch.caller.vhost.tracer?.delivered(ch, queue, segment, index)
    sendGot(ch, queue, found, tag)
  } catch (error) {
    if (ch.client.output.position === before && !isOutOfMemory(error)) {
      if (!noAck) unsettled.remove(tag)
      queue.setAside(sequence, 'get', error)
      return false
    }
    // It returns with the connection's other deliveries.
    if (noAck) unsettled.add(queue, sequence, undefined)
    queue.takeGot(false)
    queue.broke(sequence)
    ch.client.broke(error)
    return true
  }
  if (noAck) counters.gotNoAck++
  else counters.got++
  if (redelivered) counters.redelivered++
  queue.takeGot(noAck)
  return true
}

function sendGot(ch: Channel, queue: Queue, found: Readable, deliveryTag: number): void {
  const { segment, index, exchange, routingKey, rewritten } = found
  ch.send({
    id: MethodId.BasicGetOk,
    deliveryTag,
    redelivered: segment.wasDelivered(index),
    exchange,
    routingKey,
    messageCount: queue.counts.ready - 1,
  })
  const { output, frameBytesMax } = ch.client
  if (rewritten !== undefined) {
    const { octets, contentStart, contentEnd } = rewritten
    writeContent(output, ch.number, octets, contentStart, contentEnd, frameBytesMax, undefined)
  } else {
    const end = (segment.offsets[index] as number) + segment.entryLength(index)
    const owner = segment.adopted ? segment : undefined
    writeContent(output, ch.number, segment.octets, segment.contentStart(index), end, frameBytesMax, owner)
  }
}

/** Settles now or, in a transaction, at commit. */
export function settle(ch: Channel, tag: number, multiple: boolean, how: Settlement): void {
  if (ch.transaction === undefined) ch.settle(tag, multiple, how)
  else ch.transaction.addSettle(ch, tag, multiple, how)
}

function recover(ch: Channel, requeue: boolean, done: () => void): void {
  if (!requeue) throw new AmqpError(ReplyCode.NotImplemented, 'requeue=false')
  ch.recover(done)
}

export const basicMethods = {
  [MethodId.BasicQos](ch, m) {
    if (m.prefetchSize !== 0)
      throw new AmqpError(ReplyCode.NotImplemented, `prefetch_size!=0 (${m.prefetchSize})`)
    // A limit per consumer (global=false) replaces a shared one; a later shared one then applies in addition.
    const shared = m.global ? m.prefetchCount : 0
    if (!m.global) ch.prefetch = m.prefetchCount
    if (m.global || ch.sharedPrefetch !== 0) {
      ch.sharedPrefetch = shared
      ch.resumeConsumers()
    }
    ch.send({ id: MethodId.BasicQosOk })
  },

  [MethodId.BasicConsume](ch, m) {
    consume(ch, m)
  },

  [MethodId.BasicCancel](ch, m) {
    // The consumer still gets messages published before.
    if (ch.consumers.has(m.consumerTag)) ch.broker.turn.pumpNow()
    ch.removeConsumer(m.consumerTag)
    if (!m.nowait) ch.send({ id: MethodId.BasicCancelOk, consumerTag: m.consumerTag })
  },

  /** A reply to the server's basic.cancel, which requests none; some clients send it anyway. */
  [MethodId.BasicCancelOk]() {},

  [MethodId.BasicGet](ch, m) {
    const queue = gettableQueue(ch.caller, queueName(ch, m.queue))
    get(ch, queue, m.noAck)
  },

  [MethodId.BasicAck](ch, m) {
    settle(ch, m.deliveryTag, m.multiple, 'ack')
  },

  [MethodId.BasicReject](ch, m) {
    settle(ch, m.deliveryTag, false, m.requeue ? 'fail' : 'reject')
  },

  [MethodId.BasicNack](ch, m) {
    settle(ch, m.deliveryTag, m.multiple, m.requeue ? 'return' : 'reject')
  },

  [MethodId.BasicRecover](ch, m) {
    recover(ch, m.requeue, () => ch.send({ id: MethodId.BasicRecoverOk }))
  },

  [MethodId.BasicRecoverAsync](ch, m) {
    recover(ch, m.requeue, () => {})
  },
} satisfies Partial<Handlers>
