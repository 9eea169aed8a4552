/**
 * The checks that every publish has to pass, and the whole operation for publishes without a channel (behaviour.md
 * section 7).
 */
import { typeName } from '../broker/arguments/rules.ts'
import type { Broker } from '../broker/broker.ts'
import { carbonCopyKeys } from '../broker/carbon-copies.ts'
import { encodeContent } from '../broker/content.ts'
import { REPLY_TO } from '../broker/direct-reply.ts'
import type { Exchange } from '../broker/exchange/exchange.ts'
import { fanningOut, isWide, type Outcome, recipients, startFanOut } from '../broker/fan-out.ts'
import { InboundMessage } from '../broker/message.ts'
import { isUnroutable, PlainMessage, tooManySteps } from '../broker/router.ts'
import { ROUTING_STEPS_MAX } from '../limits.ts'
import { preconditionFailed } from '../protocol/errors.ts'
import { FieldTable } from '../protocol/field-table.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import {
  accessRefused,
  type Caller,
  checkAccess,
  checkShort,
  checkTopicAccess,
  describeExchange,
  existingExchange,
} from './caller.ts'
import { GivenUp } from './given-up.ts'
import { InvalidRequest } from './invalid-request.ts'

/** The longest expiration in ms. */
const EXPIRATION_MS_MAX = 315_360_000_000

/** Returns the exchange if the caller may publish to it with that key. @throws AmqpError 403, 404 */
export function writableExchange(c: Caller, name: string, routingKey: string): Exchange {
  checkAccess(c, 'write', 'exchange', name)
  const exchange = existingExchange(c, name)
  if (exchange.internal) throw accessRefused(`cannot publish to internal ${describeExchange(c, name)}`)
  checkTopicAccess(c, 'write', exchange, routingKey)
  return exchange
}

/** @throws AmqpError 406 if user-id names another user and the caller is not an impersonator */
export function checkUserId(c: Caller, userId: string): void {
  if (userId === c.user || c.tags.includes('impersonator')) return
  throw preconditionFailed(`user_id property set to '${userId}' but authenticated user was '${c.user}'`)
}

/** The expiration property in ms. @throws AmqpError 406 */
export function expirationMs(text: string): number {
  const invalid = (why: string): Error => preconditionFailed(`invalid expiration '${text}': ${why}`)
  const match = /^([+-]?\d+)(.*)$/s.exec(text)
  if (match === null) throw invalid('no_integer')
  if (match[2] !== '') throw invalid(`{leftover_string,${JSON.stringify(match[2])}}`)
  const ms = Number(match[1])
  if (ms < 0) throw invalid(`{value_negative,${ms}}`)
  if (ms > EXPIRATION_MS_MAX) throw invalid(`{value_too_large,${match[1]}}`)
  return ms
}

/** The routing key and those of the CC and BCC headers, after checking all of them. @throws AmqpError 403, 406 */
export function allKeys(c: Caller, exchange: Exchange, routingKey: string, headers: FieldTable): string[] {
  for (const name of ['CC', 'BCC'] as const) checkCarbonCopies(headers, name)
  const copies = [...carbonCopyKeys(headers, 'CC'), ...carbonCopyKeys(headers, 'BCC')]
  const keys = [...new Set([routingKey, ...copies])]
  // A token may have very many scopes, and the headers very many keys.
  if (keys.length > 1 && keys.length * (c.access.rulesCount ?? 1) > ROUTING_STEPS_MAX) throw tooManySteps()
  for (const k of keys) checkTopicAccess(c, 'write', exchange, k)
  return keys
}

/** The header has to be an array; elements that are not texts are no keys, as in RabbitMQ. */
function checkCarbonCopies(headers: FieldTable, name: 'CC' | 'BCC'): void {
  const v = headers.get(name)
  if (v === undefined || v.type === 'A') return
  throw preconditionFailed(
    `invalid message: {unacceptable_type_in_header,${JSON.stringify(name)},${typeName(v)}}`,
  )
}

/** The broker was closed while a message waited for memory or disk: not all queues have it. */
export class PublishGivenUp extends GivenUp {
  constructor() {
    super('the broker was closed before all queues had the message')
  }
}

export interface Publication {
  readonly exchange: string
  readonly routingKey: string
  readonly properties: Properties
  readonly body: Buffer
}

/**
 * Publishes a message as a channel in confirm mode does. It is confirmed once the open batch is on disk.
 * @returns whether a queue was found. @throws AmqpError 403, 404, 406; InvalidRequest if a queue refuses it;
 * PublishGivenUp if the broker ends before all queues have it
 */
export function publishMessage(broker: Broker, c: Caller, p: Publication): boolean | Promise<boolean> {
  const { vhost } = c
  if (p.body.length > broker.messageBytesMax)
    throw preconditionFailed(
      `message size ${p.body.length} is larger than configured max size ${broker.messageBytesMax}`,
    )
  checkShort('routing_key', p.routingKey)
  const exchange = writableExchange(c, p.exchange, p.routingKey)
  const properties = checkedProperties(c, p.properties)
  const { headers = FieldTable.empty } = properties
  const keys = allKeys(c, exchange, p.routingKey, headers)
  const route = vhost.route(
    exchange,
    keys.map((k) => new PlainMessage(k, properties)),
  )
  const sent =
    headers.get('BCC') === undefined ? properties : { ...properties, headers: headers.without('BCC') }
  const { counters } = broker
  const m = new InboundMessage()
  encodeContent(exchange.name, p.routingKey, sent, p.body, m)
  if (properties.expiration !== undefined) m.ttl = expirationMs(properties.expiration)
  m.adoptable = route.queues.length === 1 && route.effects.length === 0
  exchange.published++
  exchange.publishedOut += route.queues.length
  counters.received++
  counters.sizes.note(p.body.length)
  vhost.tracer?.published({ number: 0, connectionName: 'HTTP', userName: c.user }, m, route)
  if (isUnroutable(route)) {
    counters.unroutableReturned++
    return false
  }
  counters.routed++
  const done = ({ refused, abandoned }: Outcome): true => {
    if (abandoned) throw new PublishGivenUp()
    if (refused) throw new InvalidRequest('rejected Unable to publish message. Check queue limits.')
    return true
  }
  const given: Outcome = { durable: false, refused: false }
  const next = isWide(route, m) ? 0 : startFanOut(route, m, broker.clock, given)
  if (next === recipients(route)) return done(given)
  const steps = fanningOut(route, m, broker.turn, broker.commit, undefined, next, given)
  return broker.turn.jobs.finished(steps).then(done)
}

/** @throws AmqpError 406 */
function checkedProperties(c: Caller, p: Properties): Properties {
  const { deliveryMode, userId, expiration, replyTo } = p
  if (deliveryMode !== undefined && deliveryMode !== 1 && deliveryMode !== 2)
    throw preconditionFailed(`invalid message: {delivery_mode_unknown,${deliveryMode}}`)
  if (userId !== undefined) checkUserId(c, userId)
  if (expiration !== undefined) expirationMs(expiration)
  if (replyTo === REPLY_TO) throw preconditionFailed('fast reply consumer does not exist')
  return p
}
