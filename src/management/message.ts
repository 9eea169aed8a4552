/** Messages in JSON, both ways. */
import type { Content } from '../broker/message.ts'
import { tableJson } from '../definitions/shapes.ts'
import { Refusal } from '../operations/refusal.ts'
import { FieldTable, type PlainValue } from '../protocol/field-table.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import type { Json } from './listing.ts'

const texts = {
  content_type: 'contentType',
  content_encoding: 'contentEncoding',
  correlation_id: 'correlationId',
  reply_to: 'replyTo',
  expiration: 'expiration',
  message_id: 'messageId',
  type: 'type',
  user_id: 'userId',
  app_id: 'appId',
  cluster_id: 'clusterId',
} as const

/** @throws Refusal for a value of the wrong type */
export function propertiesFrom(json: Json): { properties: Properties; ttl: number } {
  const properties: Properties = {}
  for (const [name, value] of Object.entries(json)) {
    if (Object.hasOwn(texts, name)) properties[texts[name as keyof typeof texts]] = String(value)
    else if (name === 'headers') properties.headers = FieldTable.from(value as { [n: string]: PlainValue })
    else if (name === 'delivery_mode') properties.deliveryMode = integer(name, value)
    else if (name === 'priority') properties.priority = integer(name, value)
    else if (name === 'timestamp') properties.timestamp = BigInt(integer(name, value))
    else throw new Refusal(`unknown_property: ${name}`)
  }
  const ttl = properties.expiration === undefined ? -1 : integer('expiration', Number(properties.expiration))
  return { properties, ttl }
}

function integer(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new Refusal(`${name} must be a whole number`)
}

export function propertiesJson(p: Properties): Json {
  const out: Json = {}
  for (const [name, key] of Object.entries(texts)) if (p[key] !== undefined) out[name] = p[key]
  if (p.headers !== undefined) out['headers'] = tableJson(p.headers)
  if (p.deliveryMode !== undefined) out['delivery_mode'] = p.deliveryMode
  if (p.priority !== undefined) out['priority'] = p.priority
  if (p.timestamp !== undefined) out['timestamp'] = Number(p.timestamp)
  return out
}

export interface PayloadOptions {
  /** `auto`: as a text where it is one; `base64`: always in base64. */
  readonly encoding: 'auto' | 'base64'
  /** Octets shown at most. */
  readonly truncate: number | undefined
}

/** @throws Refusal */
export function payloadOptions(encoding: unknown, truncate: unknown): PayloadOptions {
  if (encoding !== 'auto' && encoding !== 'base64') throw new Refusal('invalid_encoding')
  if (truncate === undefined) return { encoding, truncate }
  return { encoding, truncate: integer('truncate', Number(truncate)) }
}

export function messageJson(content: Content, o: PayloadOptions): Json {
  const { body, exchange, routingKey, properties } = content
  const shown = o.truncate === undefined ? body : body.subarray(0, o.truncate)
  const text = shown.toString('utf8')
  const isText = o.encoding === 'auto' && Buffer.from(text, 'utf8').equals(shown)
  return {
    payload: isText ? text : shown.toString('base64'),
    payload_bytes: body.length,
    payload_encoding: isText ? 'string' : 'base64',
    properties: propertiesJson(properties),
    routing_key: routingKey,
    exchange,
  }
}
