/** The steps of a simulation: what clients ask for, and the time that passes. */
import type { Random } from './random.ts'

export const QUEUES = ['a', 'b', 'c', 'd'] as const
/** Bound to it are the queues that ask for it. */
export const FANOUT = 'amq.fanout'
/** Nothing of that name exists. */
const NOWHERE = 'nowhere'
/** Each client has a connection with one channel; the first confirms publishes, the last has transactions. */
export const CLIENTS = 3
export const CONFIRMS = 0
export const TRANSACTIONS = 2

export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx'

/** What a policy may say. */
export interface PolicyDefinition {
  readonly maxLength?: number
  readonly maxBytes?: number
  readonly overflow?: Overflow
  readonly ttl?: number
  readonly deadLetterExchange?: string
  readonly deadLetterKey?: string
}

export interface QueueArguments {
  /** Quorum queues are. */
  readonly durable?: boolean
  readonly quorum?: boolean
  readonly maxLength?: number
  /** Octets of bodies. */
  readonly maxBytes?: number
  readonly deliveryLimit?: number
  readonly overflow?: Overflow
  /** ms */
  readonly ttl?: number
  readonly maxPriority?: number
  readonly deadLetterExchange?: string
  readonly deadLetterKey?: string
  readonly singleActiveConsumer?: boolean
  readonly autoDelete?: boolean
  /** It is bound to the fanout exchange once it is declared. */
  readonly bound?: boolean
}

/** So many octets fill memory of which the broker keeps nothing. */
const LARGE_BYTES = 1500

export type Settling = 'ack' | 'requeue' | 'reject'

/** What one step does. Which delivery or consumer is meant is counted among those that there are. */
export type Action =
  | { readonly do: 'declare'; readonly queue: string; readonly args: QueueArguments }
  | { readonly do: 'delete'; readonly queue: string; readonly ifUnused: boolean; readonly ifEmpty: boolean }
  | { readonly do: 'purge'; readonly queue: string }
  | {
      readonly do: 'publish'
      readonly exchange: string
      readonly key: string
      readonly id: number
      readonly priority: number
      /** Octets of the body beside its number. */
      readonly padding: number
      /** ms; -1 = none */
      readonly ttl: number
      readonly mandatory: boolean
      readonly persistent: boolean
    }
  | { readonly do: 'get'; readonly queue: string; readonly noAck: boolean }
  | {
      readonly do: 'consume'
      readonly queue: string
      readonly tag: string
      readonly noAck: boolean
      readonly exclusive: boolean
      readonly prefetch: number
      readonly priority: number
    }
  /** basic.qos for the channel as a whole. */
  | { readonly do: 'share'; readonly prefetch: number }
  | { readonly do: 'cancel'; readonly which: number }
  | { readonly do: 'settle'; readonly which: number; readonly multiple: boolean; readonly how: Settling }
  | { readonly do: 'recover' | 'commit' | 'rollback' | 'close' }
  | { readonly do: 'wait'; readonly ms: number }
  /** Of one policy for the queues whose names are in the class; without a definition it is removed. */
  | { readonly do: 'policy'; readonly names: string; readonly definition?: PolicyDefinition }
  /** The broker ends; what is not written yet is lost, or has been written before. */
  | { readonly do: 'restart'; readonly writes: boolean }

export type Step = Action & {
  readonly client: number
  /** The next step is done in the same turn of the broker. */
  readonly goesOn: boolean
}

type Maker = (random: Random, number: number) => Action

const oneOf = <T>(random: Random, list: readonly T[]): T => list[random(list.length)] as T
const rarely = (random: Random, in_: number): boolean => random(in_) === 0

function policyDefinition(random: Random): PolicyDefinition {
  return {
    ...(random(2) === 0 ? { maxLength: 1 + random(4) } : {}),
    ...(random(4) === 0 ? { maxBytes: 3 + random(10) } : {}),
    ...(random(3) === 0 ? { overflow: oneOf(random, ['drop-head', 'reject-publish'] as const) } : {}),
    ...(random(3) === 0 ? { ttl: oneOf(random, [0, 5, 20, 60]) } : {}),
    ...(random(2) === 0 ? { deadLetterExchange: oneOf(random, ['', FANOUT, NOWHERE]) } : {}),
    ...(random(3) === 0 ? { deadLetterKey: oneOf(random, QUEUES) } : {}),
  }
}

/** Arguments that a quorum queue has, too. */
function ofQuorum(args: QueueArguments): QueueArguments {
  const { maxPriority: _, singleActiveConsumer: __, autoDelete: ___, overflow, ...others } = args
  const known = overflow === undefined || overflow === 'drop-head' ? overflow : 'reject-publish'
  return { ...others, durable: true, quorum: true, ...(known === undefined ? {} : { overflow: known }) }
}

function queueArguments(random: Random): QueueArguments {
  const args = anyArguments(random)
  return random(4) === 0 ? ofQuorum(args) : { ...args, ...(random(2) === 0 ? { durable: true } : {}) }
}

function anyArguments(random: Random): QueueArguments {
  const deadLetters = random(3) > 0
  return {
    ...(random(2) === 0 ? { maxLength: 1 + random(4) } : {}),
    ...(random(2) === 0
      ? { overflow: oneOf(random, ['drop-head', 'reject-publish', 'reject-publish-dlx'] as const) }
      : {}),
    ...(random(6) === 0 ? { maxBytes: 3 + random(10) } : {}),
    ...(random(5) === 0 ? { deliveryLimit: random(3) } : {}),
    ...(random(3) === 0 ? { ttl: oneOf(random, [0, 5, 20, 60]) } : {}),
    ...(random(3) === 0 ? { maxPriority: 1 + random(3) } : {}),
    ...(deadLetters ? { deadLetterExchange: oneOf(random, ['', '', FANOUT, NOWHERE]) } : {}),
    ...(deadLetters && random(2) === 0 ? { deadLetterKey: oneOf(random, QUEUES) } : {}),
    ...(random(4) === 0 ? { singleActiveConsumer: true } : {}),
    ...(rarely(random, 8) ? { autoDelete: true } : {}),
    ...(random(2) === 0 ? { bound: true } : {}),
  }
}

/** How often each is done, and how it is made. */
const makers: readonly (readonly [number, Maker])[] = [
  [3, (r) => ({ do: 'declare', queue: oneOf(r, QUEUES), args: queueArguments(r) })],
  [1, (r) => ({ do: 'delete', queue: oneOf(r, QUEUES), ifUnused: rarely(r, 6), ifEmpty: rarely(r, 6) })],
  [1, (r) => ({ do: 'purge', queue: oneOf(r, QUEUES) })],
  [
    26,
    (r, id) => ({
      do: 'publish',
      exchange: oneOf(r, ['', '', '', FANOUT]),
      key: oneOf(r, QUEUES),
      id,
      priority: r(5),
      padding: rarely(r, 8) ? LARGE_BYTES + r(LARGE_BYTES) : r(8),
      ttl: rarely(r, 4) ? r(30) : -1,
      mandatory: rarely(r, 4),
      persistent: r(3) > 0,
    }),
  ],
  [8, (r) => ({ do: 'get', queue: oneOf(r, QUEUES), noAck: rarely(r, 3) })],
  [
    5,
    (r, number) => ({
      do: 'consume',
      queue: oneOf(r, QUEUES),
      tag: `t${number}`,
      noAck: rarely(r, 5),
      exclusive: rarely(r, 12),
      prefetch: r(4),
      priority: r(3),
    }),
  ],
  [1, (r) => ({ do: 'share', prefetch: r(4) })],
  [3, (r) => ({ do: 'cancel', which: r(8) })],
  [
    22,
    (r) => ({
      do: 'settle',
      which: r(16),
      multiple: rarely(r, 4),
      how: oneOf(r, ['ack', 'requeue', 'reject']),
    }),
  ],
  [1, () => ({ do: 'recover' })],
  [4, () => ({ do: 'commit' })],
  [1, () => ({ do: 'rollback' })],
  [1, () => ({ do: 'close' })],
  [6, (r) => ({ do: 'wait', ms: 1 + r(25) })],
  [
    2,
    (r) => ({
      do: 'policy',
      names: oneOf(r, ['ab', 'bc', 'd', 'abcd']),
      ...(rarely(r, 3) ? {} : { definition: policyDefinition(r) }),
    }),
  ],
  [1, (r) => ({ do: 'restart', writes: r(2) === 0 })],
]
const ALL = makers.reduce((sum, [weight]) => sum + weight, 0)

function action(random: Random, number: number): Action {
  let at = random(ALL)
  for (const [weight, make] of makers) {
    if (at < weight) return make(random, number)
    at -= weight
  }
  throw new RangeError('no such step')
}

/** Without end; the queues first, so that there is something to work on. */
export function* makeSteps(random: Random): Generator<Step> {
  for (const queue of QUEUES)
    yield { do: 'declare', queue, args: queueArguments(random), client: 0, goesOn: false }
  for (let number = 1; ; number++) {
    const made = action(random, number)
    const transactional = made.do === 'commit' || made.do === 'rollback'
    const client = transactional ? TRANSACTIONS : random(CLIENTS)
    yield { ...made, client, goesOn: random(3) === 0 }
  }
}
