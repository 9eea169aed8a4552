// hot: per message
/** Publishes a message received from the client (behaviour.md section 7). */
import { encodeContent } from '../broker/content.ts'
import { REPLY_TO } from '../broker/direct-reply.ts'
import type { Exchange } from '../broker/exchange/exchange.ts'
import { fanningOut, isWide, type Outcome, recipients, startFanOut } from '../broker/fan-out.ts'
import type { Steps } from '../broker/jobs.ts'
import { type Content, InboundMessage, propertiesOffset, readContent, readNames } from '../broker/message.ts'
import { PUBLISH_DURABLE, PUBLISH_REFUSED, type RoutedQueue } from '../broker/queue/queue.ts'
import { isUnroutable, PlainMessage, type Route } from '../broker/router.ts'
import { allKeys, checkUserId, expirationMs, writableExchange } from '../operations/publish.ts'
import { writeContent } from '../output/content-writer.ts'
import { AmqpError, preconditionFailed, ReplyCode } from '../protocol/errors.ts'
import { HAS_BCC } from '../protocol/field-scan.ts'
import { FieldTable } from '../protocol/field-table.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import { bufferView } from '../util/copy.ts'
import { octetText } from '../util/octet-text.ts'
import { readU32 } from '../util/octets.ts'
import type { Channel } from './channel.ts'
import { PropertyScan } from './property-scan.ts'
import type { CachedRoute } from './route-cache.ts'

const BIT_MANDATORY = 1
const BIT_IMMEDIATE = 2

/** Refilled for each publish by `readProperties`; must not be kept. */
const sharedScan = new PropertyScan()

/**
 * Publishes a complete message. `m` may be changed; its octets are not used after the call.
 * @param bits mandatory and immediate, as on the wire
 * @throws AmqpError if the publish is invalid; nothing is published then
 */
export function publish(ch: Channel, m: InboundMessage, bits: number): void {
  checkPublish(ch, m.bodySize, (bits & BIT_IMMEDIATE) !== 0)
  const vhost = ch.caller.vhost
  const found = ch.routes.find(m.source, m.namesStart, m.namesEnd, vhost.version) ?? resolve(ch, m)
  const { exchange } = found
  let { route } = found
  const properties = readProperties(ch, m)
  if (asksForReplies(m, properties)) nameReplyQueue(m, ch.replyConsumer?.name as string)
  if (properties.special !== 0) route = withCarbonCopies(ch, m, exchange, properties.special)
  exchange.published++
  exchange.publishedOut += route.queues.length
  if (vhost.tracer !== undefined) vhost.tracer.published(ch, m, route)
  const { counters } = ch.broker
  ch.counters.published++
  counters.received++
  counters.sizes.note(m.bodySize)
  if (ch.confirms !== undefined) counters.receivedConfirm++
  const nobody = route.queues.length === 0 && isUnroutable(route)
  const mandatory = (bits & BIT_MANDATORY) !== 0
  if (!nobody) counters.routed++
  else if (mandatory) counters.unroutableReturned++
  else {
    counters.unroutableDropped++
    ch.counters.dropped++
  }
  const transaction = ch.transaction
  if (transaction !== undefined) {
    transaction.addPublish(m, route, mandatory, ch.client.limits.transactionBytes, vhost.version)
    return
  }
  if (nobody) {
    if (mandatory) returnMessage(ch, m)
    ch.owesConfirm = ch.confirms !== undefined
  }
  const { queues } = route
  if (queues.length === 1 && route.effects.length === 0) {
    const outcome = (queues[0] as RoutedQueue).publish(m)
    published(ch, m, outcome === PUBLISH_DURABLE, outcome === PUBLISH_REFUSED)
    if (outcome === PUBLISH_REFUSED) ch.client.pace.handled()
  } else deliverToAll(ch, m, route)
}

/**
 * Publishes to no queue, to several, or with effects: to as many as time allows now. The client's next frames wait
 * until all queues have the message.
 */
function deliverToAll(ch: Channel, m: InboundMessage, route: Route): void {
  const outcome: Outcome = { durable: false, refused: false }
  const next = isWide(route, m) ? 0 : startFanOut(route, m, ch.client.clock, outcome)
  if (next === recipients(route)) {
    if (next > 1) ch.client.pace.fannedOut(next)
    published(ch, m, outcome.durable, outcome.refused)
    if (outcome.refused || route.effects.length > 0) ch.client.pace.handled()
    return
  }
  // If the client disconnects during an alarm, its unsettled deliveries must not wait for the end of the alarm.
  const steps = delivering(ch, InboundMessage.copyOf(m), route, () => ch.closing, next, outcome)
  ch.client.pace.work(steps, () => {}, ch, MethodId.BasicPublish)
}

/**
 * Publishes a message whose copies take several turns, and records its confirm.
 * @param givesUp see `fanningOut`
 * @param from position of the first recipient that does not have the message yet
 * @param before the outcome for the recipients before `from`
 * @returns false if a queue rejected the message, or not all have it
 */
export function* delivering(
  ch: Channel,
  m: InboundMessage,
  route: Route,
  givesUp?: () => boolean,
  from = 0,
  before?: Outcome,
): Steps<boolean> {
  const { turn, commit } = ch.broker
  const { durable, refused } = yield* fanningOut(route, m, turn, commit, givesUp, from, before)
  return published(ch, m, durable, refused)
}

/** Checks that do not depend on the rest of the message. @throws AmqpError 406 or 540 */
export function checkPublish(ch: Channel, bodySize: number, immediate: boolean): void {
  if (immediate) throw new AmqpError(ReplyCode.NotImplemented, 'immediate=true')
  const { messageBytesMax } = ch.broker
  if (bodySize > messageBytesMax)
    throw preconditionFailed(`message size ${bodySize} is larger than configured max size ${messageBytesMax}`)
}

/** Records a publish that all its queues have handled. Returns false if one of them has rejected it. */
export function published(ch: Channel, m: InboundMessage, durable: boolean, refused: boolean): boolean {
  const commit = ch.broker.commit
  if (durable) {
    commit.pendingBytes += m.contentEnd - m.contentStart
    ch.broker.counters.persisted++
  }
  if (refused) ch.refused()
  else ch.published(durable ? commit.number : 0)
  return !refused
}

/** A route, and the exchange published to. */
type Found = Pick<CachedRoute, 'route' | 'exchange'>

/**
 * Checks permissions and the existence of the exchange, and finds the queues. Caches the route if it depends only on
 * exchange and routing key.
 */
function resolve(ch: Channel, m: InboundMessage): Found {
  const names = readNames(m.source, m.namesStart)
  const { caller } = ch
  const exchange = writableExchange(caller, names.exchange, names.routingKey)
  const message = new PropertiesOnDemand(names.routingKey, m)
  const route = caller.vhost.route(exchange, [message])
  ch.client.pace.handled()
  if (!route.byKeyOnly) return { route, exchange }
  const found = { names: m.source.slice(m.namesStart, m.namesEnd), route, exchange }
  ch.routes.add(found, caller.vhost.version)
  return found
}

class PropertiesOnDemand {
  readonly routingKey: string
  private readonly m: InboundMessage
  private list: Properties | undefined

  constructor(routingKey: string, m: InboundMessage) {
    this.routingKey = routingKey
    this.m = m
  }

  properties(): Properties {
    this.list ??= contentOf(this.m).properties
    return this.list
  }

  headers(): FieldTable {
    return this.properties().headers ?? FieldTable.empty
  }
}

function contentOf(m: InboundMessage): Content {
  return readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
}

/** Reads the properties that matter to the broker. @throws AmqpError 406 or 501 */
function readProperties(ch: Channel, m: InboundMessage): PropertyScan {
  const scan = sharedScan
  const b = m.source
  const start = propertiesOffset(m.contentStart)
  const headerSize = readU32(b, m.contentStart + 4)
  scan.read(b, start, m.contentStart + 8 + headerSize)
  m.persistent = scan.persistent
  m.priority = scan.priority
  // RabbitMQ checks in this order.
  if (ch.replyConsumer === undefined && asksForReplies(m, scan))
    throw preconditionFailed('fast reply consumer does not exist')
  m.ttl = scan.expirationStart === 0 ? -1 : expirationMs(text(b, scan.expirationStart, scan.expirationEnd))
  if (scan.userIdStart !== 0) checkUserId(ch.caller, text(b, scan.userIdStart, scan.userIdEnd))
  return scan
}

function text(b: Uint8Array, start: number, end: number): string {
  return octetText(bufferView(b), start, end)
}

/** Whether the message's reply-to is the pseudo-queue of direct reply-to. */
function asksForReplies(m: InboundMessage, { replyToStart, replyToEnd }: PropertyScan): boolean {
  return (
    replyToEnd - replyToStart === REPLY_TO.length && text(m.source, replyToStart, replyToEnd) === REPLY_TO
  )
}

/** Replaces the pseudo-queue of direct reply-to in the reply-to property by the channel's reply name. */
function nameReplyQueue(m: InboundMessage, name: string): void {
  const content = contentOf(m)
  const properties = { ...content.properties, replyTo: name }
  encodeContent(content.exchange, content.routingKey, properties, content.body, m)
}

/**
 * Routes with the CC and BCC keys too, and removes the BCC header from `m`.
 * @param special which of the two headers are present, as in `PropertyScan.special`
 * @throws AmqpError 406
 */
function withCarbonCopies(ch: Channel, m: InboundMessage, exchange: Exchange, special: number): Route {
  const content = contentOf(m)
  const headers = content.properties.headers ?? FieldTable.empty
  const keys = allKeys(ch.caller, exchange, content.routingKey, headers)
  const route = ch.caller.vhost.route(
    exchange,
    keys.map((k) => new PlainMessage(k, content.properties)),
  )
  ch.client.pace.handled()
  if (special & HAS_BCC) {
    const properties = { ...content.properties, headers: headers.without('BCC') }
    encodeContent(content.exchange, content.routingKey, properties, content.body, m)
  }
  return route
}

/** Returns an unroutable message to the publisher. */
export function returnMessage(ch: Channel, m: InboundMessage): void {
  ch.counters.returned++
  ch.send({
    id: MethodId.BasicReturn,
    replyCode: ReplyCode.NoRoute,
    replyText: 'NO_ROUTE',
    ...readNames(m.source, m.namesStart),
  })
  const { output, frameBytesMax } = ch.client
  writeContent(output, ch.number, m.octets, m.contentStart, m.contentEnd, frameBytesMax, undefined)
}
