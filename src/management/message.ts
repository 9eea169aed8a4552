/** Converts messages to and from JSON. */
import { isUtf8 } from 'node:buffer'
import type { Content } from '../broker/message.ts'
import { tableFrom } from '../definitions/requests.ts'
import { tableJson } from '../definitions/shapes.ts'
import { checkShort } from '../operations/caller.ts'
import { InvalidRequest } from '../operations/invalid-request.ts'
import type { FieldTable, PlainValue } from '../protocol/field-table.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import type { Json } from '../util/json.ts'
import { badRequest } from './http.ts'

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

/** Unknown properties are ignored, as in RabbitMQ. @throws InvalidRequest for a value of the wrong type */
export function propertiesFrom(json: Json): Properties {
  const properties: Properties = {}
  for (const [name, value] of Object.entries(json)) {
    if (Object.hasOwn(texts, name)) properties[texts[name as keyof typeof texts]] = shortText(name, value)
    else if (name === 'headers') properties.headers = headersFrom(value)
    else if (name === 'delivery_mode') properties.deliveryMode = octet(name, value)
    else if (name === 'priority') properties.priority = octet(name, value)
    else if (name === 'timestamp') properties.timestamp = BigInt(integer(name, value))
  }
  return properties
}

function shortText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw new InvalidRequest(`${name} must be a string`)
  checkShort(name, value)
  return value
}

function headersFrom(value: unknown): FieldTable {
  if (value === null || typeof value !== 'object' || (Array.isArray(value) && value.length > 0))
    throw new InvalidRequest('headers must be an object')
  return tableFrom('headers', value as { [name: string]: PlainValue })
}

function octet(name: string, value: unknown): number {
  const n = integer(name, value)
  if (n > 255) throw new InvalidRequest(`${name} must be at most 255, not ${n}`)
  return n
}

/** @throws HttpError 400 */
export function payloadOf(text: string, encoding: string): Buffer {
  if (encoding === 'string') return Buffer.from(text)
  const plain = text.replace(/\s/g, '')
  if (plain.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(plain))
    throw badRequest(['not_base64', text.slice(0, 100)])
  return Buffer.from(plain, 'base64')
}

function integer(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new InvalidRequest(`${name} must be a whole number`)
}

/** JSON has no octet strings: octets that are not UTF-8 are shown as U+FFFD, as in RabbitMQ. */
export function propertiesJson(p: Properties): Json {
  const out: Json = {}
  for (const [name, key] of Object.entries(texts)) if (p[key] !== undefined) out[name] = p[key].toWellFormed()
  if (p.headers !== undefined) out['headers'] = tableJson(p.headers)
  if (p.deliveryMode !== undefined) out['delivery_mode'] = p.deliveryMode
  if (p.priority !== undefined) out['priority'] = p.priority
  if (p.timestamp !== undefined) out['timestamp'] = Number(p.timestamp)
  return out
}

export interface PayloadOptions {
  /** `auto`: as text if it is valid UTF-8; `base64`: always in base64. */
  readonly encoding: 'auto' | 'base64'
  /** Maximum number of octets shown. */
  readonly truncate: number | undefined
}

/** @throws InvalidRequest */
export function payloadOptions(encoding: unknown, truncate: unknown): PayloadOptions {
  if (encoding !== 'auto' && encoding !== 'base64') throw new InvalidRequest('invalid_encoding')
  if (truncate === undefined) return { encoding, truncate }
  return { encoding, truncate: integer('truncate', Number(truncate)) }
}

export function messageJson(content: Content, o: PayloadOptions): Json {
  const { body, exchange, routingKey, properties } = content
  const shown = o.truncate === undefined ? body : body.subarray(0, o.truncate)
  const isText = o.encoding === 'auto' && isUtf8(shown)
  return {
    payload: shown.toString(isText ? 'utf8' : 'base64'),
    payload_bytes: body.length,
    payload_encoding: isText ? 'string' : 'base64',
    properties: propertiesJson(properties),
    routing_key: routingKey.toWellFormed(),
    exchange: exchange.toWellFormed(),
  }
}
