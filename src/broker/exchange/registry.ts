/** The exchange types by name. A new type needs one file, and one line here. */
import { FieldTable } from '../../protocol/field-table.ts'
import { ConsistentHashRouting } from './consistent-hash.ts'
import { DelayedRouting, type DelayParts, delayedType } from './delayed.ts'
import { DirectRouting } from './direct.ts'
import type { ExchangeRouting } from './exchange.ts'
import { FanoutRouting } from './fanout.ts'
import { HeadersRouting } from './headers.ts'
import { ModulusHashRouting, RandomRouting } from './random.ts'
import { alwaysRoom, RecentHistoryRouting, type Room } from './recent-history.ts'
import { TopicRouting } from './topic.ts'

/** What exchange types need from the broker. */
export interface RoutingContext {
  readonly room: Room
  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  random(): number
  /** Only for an exchange that delays messages. */
  delay(): DelayParts
}

type Make = (args: FieldTable, context: RoutingContext) => ExchangeRouting

const types: Record<string, Make> = {
  direct: () => new DirectRouting(),
  fanout: () => new FanoutRouting(),
  topic: () => new TopicRouting(),
  headers: () => new HeadersRouting(),
  'x-consistent-hash': (args) => new ConsistentHashRouting(args),
  'x-random': (_, context) => new RandomRouting(context.random),
  'x-local-random': (_, context) => new RandomRouting(context.random),
  'x-modulus-hash': () => new ModulusHashRouting(),
  'x-recent-history': (args, context) => new RecentHistoryRouting(args, context.room),
  // Any exchange can deduplicate; exchanges of this type always do.
  'x-message-deduplication': () => new FanoutRouting(),
  'x-delayed-message': (args, context) => {
    const inner = exchangeRouting(delayedType(args, mayBeDelayed), args, context)
    return new DelayedRouting(inner, context.delay())
  },
}

export const exchangeTypes: readonly string[] = Object.keys(types)

export function isExchangeType(type: string): boolean {
  return Object.hasOwn(types, type)
}

function mayBeDelayed(type: string): boolean {
  return isExchangeType(type) && !holdsMessages(type)
}

/** Whether exchanges of the type always drop duplicates. */
export function alwaysDeduplicates(type: string): boolean {
  return type === 'x-message-deduplication'
}

/** Whether exchanges of the type store messages, for which each has a log number. */
export function holdsMessages(type: string): boolean {
  return type === 'x-delayed-message'
}

/**
 * Creates the routing of an exchange.
 * @param type a type accepted by `isExchangeType`
 * @throws AmqpError 406 for arguments that the type cannot use
 */
export function exchangeRouting(type: string, args: FieldTable, context: RoutingContext): ExchangeRouting {
  const make = types[type] as Make
  return make(args, context)
}

const plain: RoutingContext = {
  random: () => 0,
  delay: () => {
    throw new TypeError('no delayed exchange is predeclared')
  },
  room: alwaysRoom,
}

/**
 * The exchanges of every vhost, durable (behaviour.md section 5), except the default exchange, which is created
 * separately.
 */
export const predeclared = [
  { name: 'amq.direct', type: 'direct', internal: false },
  { name: 'amq.fanout', type: 'fanout', internal: false },
  { name: 'amq.headers', type: 'headers', internal: false },
  { name: 'amq.match', type: 'headers', internal: false },
  { name: 'amq.rabbitmq.trace', type: 'topic', internal: true },
  { name: 'amq.topic', type: 'topic', internal: false },
] as const

export function predeclaredRouting(type: string): ExchangeRouting {
  return exchangeRouting(type, FieldTable.empty, plain)
}
