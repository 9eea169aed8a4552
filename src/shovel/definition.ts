/** Validates and parses a parameter `shovel`, with RabbitMQ's error texts. */
import { InvalidRequest } from '../operations/invalid-request.ts'
import { FieldTable, type PlainValue } from '../protocol/field-table.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import type { Json } from '../util/json.ts'
import { octetLength } from '../util/octet-text.ts'
import { erlangTerm } from './erlang.ts'
import { SHOVEL_PREFETCH_MAX } from './link-limits.ts'
import { type AmqpAddress, parseUri } from './uri.ts'

export type AckMode = 'on-confirm' | 'on-publish' | 'no-ack'

export type PlainTable = { readonly [name: string]: PlainValue }

export interface ShovelDefinition {
  readonly source: {
    readonly uris: readonly AmqpAddress[]
    readonly queue: string | undefined
    readonly queueArguments: PlainTable
    readonly exchange: string | undefined
    readonly exchangeKey: string
    readonly prefetch: number
    /** Number of messages after which it ends; `queue-length`: the length of the queue at the start. */
    readonly deleteAfter: 'never' | 'queue-length' | number
    readonly consumerArguments: PlainTable
    /** Whether the queue is not declared, and has to exist. */
    readonly predeclared: boolean
    /** Uses basic.get instead of a consumer, so that an auto-delete queue is not deleted. A Leveret extension. */
    readonly basicGet: boolean
  }
  readonly destination: {
    readonly uris: readonly AmqpAddress[]
    readonly queue: string | undefined
    readonly queueArguments: PlainTable
    readonly exchange: string | undefined
    readonly exchangeKey: string | undefined
    readonly properties: Properties
    readonly addForwardHeaders: boolean
    readonly addTimestampHeader: boolean
    readonly predeclared: boolean
    /** A message that is not routed to a queue stays at the source, and the session fails. A Leveret extension. */
    readonly mandatory: boolean
  }
  readonly ackMode: AckMode
  /** Seconds until the next attempt; 0 = no reconnection. */
  readonly reconnectDelay: number
}

/** Returns the errors found. */
type Check = (name: string, value: unknown) => readonly string[]

const PREFETCH = 1000
const RECONNECT_S = 5

const was = (v: unknown): string => `actually was ${erlangTerm(v)}`
const number: Check = (n, v) => (typeof v === 'number' ? [] : [`${n} should be a number, ${was(v)}`])
const binary: Check = (n, v) => (typeof v === 'string' ? [] : [`${n} should be binary, ${was(v)}`])
const boolean: Check = (n, v) => (typeof v === 'boolean' ? [] : [`${n} should be boolean, ${was(v)}`])

const oneOf =
  (...words: readonly string[]): Check =>
  (n, v) => {
    if (typeof v !== 'string') return binary(n, v)
    return words.includes(v) ? [] : [`${n} should be one of ${erlangTerm(words)}, ${was(v)}`]
  }

const queueName: Check = (n, v) => {
  if (typeof v !== 'string') return binary(n, v)
  const octets = octetLength(v)
  return octets <= 255 ? [] : [`${n} should be less than 255 bytes, actually was ${octets}`]
}

const deleteAfter: Check = (n, v) =>
  v === 'never' || v === 'queue-length' || (Number.isInteger(v) && (v as number) >= 0)
    ? []
    : [`${n} should be a number greater than or equal to 0, "never" or "queue-length", ${was(v)}`]

const table: Check = (n, v) => {
  if (isEmptyList(v)) return []
  if (!isObject(v)) return [`${n} should be a map, ${was(v)}`]
  try {
    FieldTable.from(v as { [name: string]: PlainValue })
    return []
  } catch (error) {
    return [`${n} has no form in AMQP: ${(error as Error).message}`]
  }
}

const propertyChecks: Readonly<Record<string, Check>> = {
  content_type: binary,
  content_encoding: binary,
  headers: table,
  delivery_mode: number,
  priority: number,
  correlation_id: binary,
  reply_to: binary,
  expiration: binary,
  message_id: binary,
  timestamp: number,
  type: binary,
  user_id: binary,
  app_id: binary,
  cluster_id: binary,
}

const properties: Check = (n, v) => (isEmptyList(v) ? [] : members(n, v, propertyChecks, []))

/** Whether the user who sets the parameter has access to that vhost of this broker. */
export type MayEnter = (vhost: string) => { readonly user: string; readonly allowed: boolean }

function uriCheck(mayEnter: MayEnter | undefined): Check {
  const one: Check = (n, v) => {
    if (typeof v !== 'string') return binary(n, v)
    try {
      const { host, vhost } = parseUri(v)
      if (host !== undefined || mayEnter === undefined) return []
      const { user, allowed } = mayEnter(vhost)
      return allowed ? [] : [`user "${user}" may not connect to vhost "${vhost}"`]
    } catch (error) {
      return [`"${v}" not a valid URI: {${(error as Error).message},${JSON.stringify(v)}}`]
    }
  }
  return (n, v) => {
    if (!Array.isArray(v)) return typeof v === 'string' ? one(n, v) : [`${n} should be list, ${was(v)}`]
    if (v.length === 0) return [`${n} should not be an empty list`]
    return v
      .flatMap((u) => (typeof u === 'string' ? one(n, u) : [`${n} should be list, ${was(u)}`]))
      .slice(0, 1)
  }
}

const protocol = oneOf('amqp10', 'amqp091', 'local')

function checksFor(mayEnter: MayEnter | undefined): Record<string, Check> {
  const uri = uriCheck(mayEnter)
  return {
    internal: boolean,
    internal_owner: () => [],
    'reconnect-delay': number,
    'ack-mode': oneOf('no-ack', 'on-publish', 'on-confirm'),
    'src-protocol': protocol,
    'dest-protocol': protocol,
    'src-uri': uri,
    'src-exchange': binary,
    'src-exchange-key': binary,
    'src-queue': queueName,
    'src-queue-args': table,
    'src-consumer-args': table,
    'src-predeclared': boolean,
    'src-basic-get': boolean,
    'prefetch-count': number,
    'src-prefetch-count': number,
    'delete-after': deleteAfter,
    'src-delete-after': deleteAfter,
    'dest-uri': uri,
    'dest-exchange': binary,
    'dest-exchange-key': binary,
    'dest-queue': queueName,
    'dest-queue-args': table,
    'dest-predeclared': boolean,
    'dest-mandatory': boolean,
    'add-forward-headers': boolean,
    'add-timestamp-header': boolean,
    'dest-add-forward-headers': boolean,
    'dest-add-timestamp-header': boolean,
    'publish-properties': properties,
    'dest-publish-properties': properties,
  }
}

/** Some tools write an empty table as an empty list. */
function isEmptyList(v: unknown): boolean {
  return Array.isArray(v) && v.length === 0
}

function isObject(v: unknown): v is Json {
  return v !== null && typeof v === 'object' && !Array.isArray(v)
}

function members(
  name: string,
  value: unknown,
  checks: Readonly<Record<string, Check>>,
  needed: readonly string[],
): string[] {
  if (!isObject(value)) return [`${name} not a list ${erlangTerm(value)}`]
  const unknown = Object.entries(value).filter(([k]) => !Object.hasOwn(checks, k))
  const shown = unknown.map(([k, v]) => `{${erlangTerm(k)},${erlangTerm(v)}}`).join(',')
  // RabbitMQ lists what is wrong from the last key that it knows to the first.
  const wrong = Object.entries(checks)
    .reverse()
    .flatMap(([k, check]) => {
      if (value[k] !== undefined) return check(k, value[k])
      return needed.includes(k) ? [`Key "${k}" not found in ${name}`] : []
    })
  return [...(unknown.length > 0 ? [`Unrecognised terms [${shown}] in ${name}`] : []), ...wrong]
}

/** Checks which keys may be combined. */
function combinations(d: Json): string[] {
  const both = (a: string, b: string): boolean => d[a] !== undefined && d[b] !== undefined
  const out: string[] = []
  if (both('src-exchange', 'src-queue')) out.push("Cannot specify 'src-exchange' and 'src-queue'")
  else if (d['src-exchange'] === undefined && d['src-queue'] === undefined)
    out.push("Must specify 'src-exchange' or 'src-queue'")
  if (both('dest-exchange', 'dest-queue')) out.push("Cannot specify 'dest-exchange' and 'dest-queue'")
  const after = d['src-delete-after'] ?? d['delete-after']
  if (Number.isInteger(after) && d['ack-mode'] === 'no-ack')
    out.push("Cannot specify 'no-ack' and numerical 'delete-after'")
  for (const side of ['src', 'dest'])
    if (d[`${side}-protocol`] === 'amqp10' || d[`${side}-protocol`] === 'local')
      out.push(`${side}-protocol ${String(d[`${side}-protocol`])} is not supported; use amqp091`)
  return out
}

/**
 * @param mayEnter undefined if access is not to be checked, as for a definitions file
 * @throws InvalidRequest
 */
export function checkShovel(name: string, value: unknown, mayEnter?: MayEnter): void {
  const given = isEmptyList(value) ? {} : value
  const wrong = members(name, given, checksFor(mayEnter), ['dest-uri', 'src-uri'])
  if (isObject(given)) wrong.unshift(...combinations(given))
  if (wrong.length > 0) throw new InvalidRequest(`Validation failed\n\n${wrong.join('\n')}\n`)
}

function uris(v: unknown): AmqpAddress[] {
  return (Array.isArray(v) ? v : [v]).map((u) => parseUri(String(u)))
}

function publishProperties(v: unknown): Properties {
  if (!isObject(v)) return {}
  const text = (k: string): string | undefined => v[k] as string | undefined
  const whole = (k: string): number | undefined => v[k] as number | undefined
  const { headers } = v
  return {
    contentType: text('content_type'),
    contentEncoding: text('content_encoding'),
    headers: headers === undefined ? undefined : FieldTable.from(headers as { [name: string]: PlainValue }),
    deliveryMode: whole('delivery_mode'),
    priority: whole('priority'),
    correlationId: text('correlation_id'),
    replyTo: text('reply_to'),
    expiration: text('expiration'),
    messageId: text('message_id'),
    timestamp:
      whole('timestamp') === undefined ? undefined : BigInt(Math.trunc(whole('timestamp') as number)),
    type: text('type'),
    userId: text('user_id'),
    appId: text('app_id'),
    clusterId: text('cluster_id'),
  }
}

/** The value must have been checked. */
export function parseShovel(value: unknown): ShovelDefinition {
  const d = value as Json
  const text = (k: string): string | undefined => d[k] as string | undefined
  const either = (k: string, old: string): unknown => d[k] ?? d[old]
  const args = (k: string): PlainTable => (isObject(d[k]) ? d[k] : {}) as PlainTable
  return {
    source: {
      uris: uris(d['src-uri']),
      queue: text('src-queue'),
      queueArguments: args('src-queue-args'),
      exchange: text('src-exchange'),
      exchangeKey: text('src-exchange-key') ?? '',
      // Always bounded: messages that wait for a blocked destination are in memory.
      prefetch:
        Math.trunc(Number(either('src-prefetch-count', 'prefetch-count') ?? PREFETCH)) || SHOVEL_PREFETCH_MAX,
      deleteAfter: (either('src-delete-after', 'delete-after') ?? 'never') as 'never',
      consumerArguments: args('src-consumer-args'),
      predeclared: d['src-predeclared'] === true,
      basicGet: d['src-basic-get'] === true,
    },
    destination: {
      uris: uris(d['dest-uri']),
      queue: text('dest-queue'),
      queueArguments: args('dest-queue-args'),
      exchange: text('dest-exchange'),
      exchangeKey: text('dest-exchange-key'),
      properties: publishProperties(either('dest-publish-properties', 'publish-properties')),
      addForwardHeaders: either('dest-add-forward-headers', 'add-forward-headers') === true,
      addTimestampHeader: either('dest-add-timestamp-header', 'add-timestamp-header') === true,
      predeclared: d['dest-predeclared'] === true,
      mandatory: d['dest-mandatory'] === true,
    },
    ackMode: (d['ack-mode'] ?? 'on-confirm') as AckMode,
    reconnectDelay: Number(d['reconnect-delay'] ?? RECONNECT_S),
  }
}
