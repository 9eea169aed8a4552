/**
 * What programs are made of: values of every argument and policy key, right and wrong, and what is left out, with the reason.
 * differential.test.ts compares with the tables of the broker.
 */
import type { Typed } from './typed.ts'

export type Kind = 'classic' | 'quorum' | 'stream'
export const kinds: readonly Kind[] = ['classic', 'quorum', 'stream']

export interface Values {
  readonly good: readonly Typed[]
  readonly bad: readonly Typed[]
  /** In one of so many queues. */
  readonly in?: number
  /** Arguments without which it is refused. */
  readonly needs?: { readonly [name: string]: Typed }
  /** The first release that has it. */
  readonly since?: readonly number[]
  /** Good ones with which RabbitMQ does something else from 4.0 on. */
  readonly before4?: readonly Typed[]
}

export const LONG_MS = 3_600_000
const TOO_LONG = { as: 'l', is: '315360000001' } as const
const flag: Values = { good: [true, false], bad: ['true', 1] }
const size: Values = { good: [100_000], bad: [-1, 'seven'], in: 30 }

/** The arguments of a queue. */
export const queueArguments: { readonly [name: string]: Values } = {
  'x-expires': { good: [LONG_MS], bad: [0, TOO_LONG], in: 20 },
  'x-message-ttl': { good: [0, LONG_MS, { as: 's', is: 30_000 }], bad: [-1, 'x', TOO_LONG] },
  'x-dead-letter-exchange': { good: ['', '', '@x', '@y', 'amq.fanout', '@nowhere'], bad: [5], in: 3 },
  'x-dead-letter-routing-key': {
    good: ['@a', '@b', '@c', 'k'],
    bad: [true],
    needs: { 'x-dead-letter-exchange': '' },
    in: 4,
  },
  'x-dead-letter-strategy': { good: ['at-most-once', 'at-least-once'], bad: ['nosuch'] },
  'x-max-length': { good: [0, 1, 2, 3, { as: 'l', is: '2' }], bad: [-1, 'x'], in: 4 },
  'x-max-length-bytes': { good: [10, 50_000], bad: [-1] },
  'x-max-in-memory-length': size,
  'x-max-in-memory-bytes': size,
  // 0 is one level, and two from 4.0 on.
  'x-max-priority': { good: [1, 3, 10], before4: [0], bad: [256, 'high'], in: 5 },
  'x-overflow': { good: ['drop-head', 'reject-publish', 'reject-publish-dlx'], bad: ['nosuch', 5], in: 4 },
  'x-queue-mode': { good: ['lazy', 'default'], bad: ['eager'], in: 12 },
  'x-queue-version': { good: [1, 2], bad: [3, '2'], in: 12 },
  'x-single-active-consumer': { ...flag, in: 6 },
  'x-quorum-initial-group-size': { good: [1], bad: [0], in: 20 },
  'x-max-age': { good: ['7D'], bad: ['7'], in: 4 },
  'x-stream-max-segment-size-bytes': { good: [1_000_000], bad: [{ as: 'l', is: '3000000001' }], in: 4 },
  'x-stream-filter-size-bytes': { good: [16], bad: [15], in: 20, since: [3, 13] },
  'x-initial-cluster-size': { good: [1], bad: [0], in: 10 },
  'x-queue-leader-locator': { good: ['client-local', 'balanced'], bad: ['nosuch'], in: 15 },
  'x-queue-master-locator': { good: ['min-masters'], bad: [5], in: 30 },
  'x-delivery-limit': { good: [1, 2], bad: [], in: 6 },
  'x-consumer-timeout': { good: [LONG_MS], bad: [], in: 30 },
  'x-of-ones-own': { good: ['x', 5], bad: [], in: 30 },
}

/** Those of an argument whose kinds another release changes. */
export const kindsOf: { readonly [name: string]: readonly Kind[] } = {
  'x-delivery-limit': ['quorum'],
  'x-queue-leader-locator': ['quorum', 'stream'],
}

/** What both would not do the same, or cannot both be told to. */
export const exemptArguments: { readonly [name: string]: string } = {
  'x-delayed-retry-type': 'an extension: RabbitMQ ignores it',
  'x-delayed-retry-min': 'an extension: RabbitMQ ignores it',
  'x-delayed-retry-max': 'an extension: RabbitMQ ignores it',
  'x-expire-anywhere': 'an extension: RabbitMQ ignores it',
  'x-message-deduplication': 'an extension: RabbitMQ ignores it',
  'x-cache-size': 'an extension: RabbitMQ ignores it',
  'x-cache-ttl': 'an extension: RabbitMQ ignores it',
}

export interface PolicyValues {
  readonly good: readonly (string | number)[]
  readonly bad: readonly (string | number)[]
  readonly since?: readonly number[]
}

export const policyKeys: { readonly [key: string]: PolicyValues } = {
  expires: { good: [LONG_MS], bad: [0] },
  'message-ttl': { good: [LONG_MS, LONG_MS + 1], bad: [-1, 'x'] },
  'dead-letter-exchange': { good: ['', '@x', '@y', '@nowhere'], bad: [5] },
  'dead-letter-routing-key': { good: ['@a', '@b', 'k'], bad: [5] },
  'dead-letter-strategy': { good: ['at-most-once', 'at-least-once'], bad: ['nosuch'] },
  'max-length': { good: [0, 1, 2, 5], bad: [-1] },
  'max-length-bytes': { good: [10, 50_000], bad: ['x'] },
  'max-in-memory-length': { good: [100_000], bad: [-1] },
  'max-in-memory-bytes': { good: [100_000], bad: [-1] },
  overflow: { good: ['drop-head', 'reject-publish', 'reject-publish-dlx'], bad: ['nosuch'] },
  'queue-mode': { good: ['lazy', 'default'], bad: ['eager'] },
  'queue-version': { good: [1, 2], bad: [3] },
  'max-age': { good: ['7D'], bad: ['7'] },
  'stream-max-segment-size-bytes': { good: [1_000_000], bad: [-1] },
  'queue-leader-locator': { good: ['client-local', 'balanced'], bad: ['nosuch'] },
  'queue-master-locator': { good: ['min-masters'], bad: ['nosuch'] },
  'delivery-limit': { good: [1, 2], bad: ['five'] },
  'consumer-timeout': { good: [LONG_MS], bad: ['x'], since: [3, 12] },
  'alternate-exchange': { good: ['@x', '@z', 'amq.fanout'], bad: [5] },
  'key-of-ones-own': { good: [], bad: ['x'] },
}

export const exemptPolicyKeys: { readonly [key: string]: string } = {
  'delayed-retry-type': 'an extension: RabbitMQ refuses it',
  'delayed-retry-min': 'an extension: RabbitMQ refuses it',
  'delayed-retry-max': 'an extension: RabbitMQ refuses it',
  'expire-anywhere': 'an extension: RabbitMQ refuses it',
}

/** Methods that a client may send and that no program has. */
export const exemptMethods: { readonly [name: string]: string } = {
  'connection.close-ok': 'answers what the broker closes, in every program that does something wrong',
  'channel.close-ok': 'answers what the broker closes, in every program that does something wrong',
}

/** Of headers that come back as they were. */
export const headerValues: readonly Typed[] = [
  'text',
  5,
  -5,
  true,
  false,
  null,
  1.5,
  ['a', 1, [true]],
  { a: 1, b: { c: 'd' } },
  { as: 'b', is: -3 },
  { as: 'B', is: 200 },
  { as: 's', is: -300 },
  { as: 'u', is: 60_000 },
  { as: 'i', is: 4_000_000_000 },
  { as: 'l', is: '-9007199254740993' },
  { as: 'f', is: 0.5 },
  { as: 'T', is: '1700000000' },
  { as: 'D', is: 314 },
  { as: 'x', is: '00ff' },
]

export function isDecimal(v: Typed): boolean {
  return v !== null && typeof v === 'object' && 'as' in v && v['as'] === 'D'
}

export const exchangeArguments: {
  readonly [name: string]: { readonly good: readonly Typed[]; readonly bad: readonly Typed[] }
} = {
  'alternate-exchange': { good: ['@x', '@y', '@z', 'amq.fanout', '@nowhere'], bad: [5] },
  'hash-header': { good: ['h'], bad: [] },
  'hash-property': { good: ['message_id', 'correlation_id', 'timestamp'], bad: ['nosuch'] },
  'x-recent-history-length': { good: [1, 3], bad: [] },
}
