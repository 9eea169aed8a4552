/** Steps that make queues, exchanges, bindings and policies, and take them away. */

import { rows } from '../../../src/broker/arguments/table.ts'
import type { Random } from '../random.ts'
import { exchanges, flags, isFrom, type Known, oneOf, policies, queues, rarely, someQueue } from './known.ts'
import type { MethodStep, Step } from './step.ts'
import type { Typed, TypedTable } from './typed.ts'
import { exchangeArguments, type Kind, kindsOf, policyKeys, queueArguments, type Values } from './values.ts'

const kindByName: { readonly [queue: string]: Kind } = { '@q': 'quorum', '@r': 'quorum', '@s': 'stream' }

function has(since: readonly number[] | undefined, known: Known): boolean {
  return since === undefined || isFrom(known, ...since)
}

function takes(name: string, kind: Kind): boolean {
  const row = rows.find((r) => r.name === name)
  return row === undefined || (kindsOf[name] ?? row.kinds).includes(kind)
}

function argumentsOf(random: Random, known: Known, kind: Kind): TypedTable {
  const args: { [name: string]: Typed } = kind === 'classic' ? {} : { 'x-queue-type': kind }
  for (const [name, values] of Object.entries(queueArguments)) {
    const { good, before4 = [], needs = {}, in: often = 8, since }: Values = values
    if (!has(since, known) || !takes(name, kind) || !rarely(random, often)) continue
    const all = isFrom(known, 4, 0) ? good : [...good, ...before4]
    Object.assign(args, { ...needs, ...args, [name]: oneOf(random, all) })
  }
  // RabbitMQ's quorum queues refuse what comes once they are too long, Leveret's what would make them so.
  if (kind === 'quorum' && String(args['x-overflow']).startsWith('reject')) {
    delete args['x-max-length']
    delete args['x-max-length-bytes']
  }
  // One wrong value, or one that is for another kind.
  if (rarely(random, 12)) {
    const [name, { good, bad, needs = {}, since }] = oneOf(random, Object.entries(queueArguments))
    const value = takes(name, kind) && bad.length > 0 ? oneOf(random, bad) : oneOf(random, good)
    if (has(since, known)) Object.assign(args, { ...needs, ...args, [name]: value })
  }
  if (rarely(random, 60)) args['x-queue-type'] = oneOf<Typed>(random, ['classic', 'nosuch', 5])
  return args
}

export function declareQueue(random: Random, known: Known, client: number): MethodStep {
  const queue = rarely(random, 25) ? oneOf(random, ['', 'amq.mine', '$gen']) : oneOf(random, queues)
  const before = known.queues.get(queue)
  // The same again, or with something else.
  if (before !== undefined && rarely(random, 3))
    return { ...before, client, fields: { ...before.fields, nowait: rarely(random, 6) } }
  if (rarely(random, 12)) return { client, do: 'queue.declare', fields: { queue, passive: true } }
  const kind = kindByName[queue] ?? 'classic'
  const wrong = rarely(random, 40)
  const exclusive = queue === '@e' || rarely(random, 40)
  const settings =
    kind === 'classic' || wrong
      ? { durable: random(2) === 0, exclusive, autoDelete: rarely(random, 8) }
      : { durable: true }
  const fields = { queue, ...flags({ ...settings, nowait: rarely(random, 20) }) }
  const step: MethodStep = {
    client,
    do: 'queue.declare',
    fields,
    arguments: argumentsOf(random, known, kind),
  }
  if (before === undefined && queue.startsWith('@')) known.queues.set(queue, step)
  return step
}

const types = ['direct', 'fanout', 'topic', 'headers'] as const
/**
 * Each message goes to one of what is bound, by hashes that are each broker's own: to one destination only. And with one
 * weight: where a destination has several, RabbitMQ's x-consistent-hash has the first one, and none once one of them goes.
 */
const hashTypes = ['x-consistent-hash', 'x-modulus-hash', 'x-random'] as const
const hashKeys = ['2', '2', '2', 'x'] as const
const HASHES = '@h'
const HASHED = '@d'

export function declareExchange(random: Random, known: Known, client: number): MethodStep {
  const exchange = rarely(random, 25)
    ? oneOf(random, ['', 'amq.mine', 'amq.topic'])
    : oneOf(random, exchanges)
  const before = known.exchanges.get(exchange)
  if (before !== undefined && rarely(random, 3)) return { ...before, client }
  if (rarely(random, 12))
    return { client, do: 'exchange.declare', fields: { exchange, type: 'direct', passive: true } }
  const hashes = exchange === HASHES
  const type = rarely(random, 60)
    ? 'nosuch'
    : oneOf<string>(random, hashes ? hashTypes : exchange === '@w' ? ['x-recent-history'] : types)
  const args: { [name: string]: Typed } = {}
  for (const [name, { good, bad }] of Object.entries(exchangeArguments)) {
    if (name.startsWith('hash') && type !== 'x-consistent-hash') continue
    if (name === 'x-recent-history-length' && type !== 'x-recent-history') continue
    if (!rarely(random, 4)) continue
    args[name] = bad.length > 0 && rarely(random, 10) ? oneOf(random, bad) : oneOf(random, good)
  }
  const settings = flags({
    durable: random(2) === 0,
    autoDelete: rarely(random, 8),
    internal: rarely(random, 12),
    nowait: rarely(random, 20),
  })
  const step: MethodStep = {
    client,
    do: 'exchange.declare',
    fields: { exchange, type, ...settings },
    arguments: args,
  }
  if (before === undefined && exchange.startsWith('@')) known.exchanges.set(exchange, step)
  return step
}

export function deleteStep(random: Random, known: Known, client: number): MethodStep {
  const nowait = rarely(random, 10)
  const ifUnused = rarely(random, 4)
  if (rarely(random, 3)) {
    const exchange = rarely(random, 12)
      ? oneOf(random, ['', 'amq.direct', '@nowhere'])
      : oneOf(random, exchanges)
    if (!ifUnused) known.exchanges.delete(exchange)
    return { client, do: 'exchange.delete', fields: { exchange, ...flags({ ifUnused, nowait }) } }
  }
  const queue = someQueue(random, known)
  const ifEmpty = rarely(random, 4)
  if (!ifUnused && !ifEmpty) known.queues.delete(queue)
  return { client, do: 'queue.delete', fields: { queue, ...flags({ ifUnused, ifEmpty, nowait }) } }
}

export function purgeStep(random: Random, known: Known, client: number): MethodStep {
  return {
    client,
    do: 'queue.purge',
    fields: { queue: someQueue(random, known), ...flags({ nowait: rarely(random, 10) }) },
  }
}

export function someExchange(random: Random, known: Known): string {
  if (rarely(random, 8))
    return oneOf(random, ['amq.direct', 'amq.fanout', 'amq.topic', 'amq.headers', 'amq.match'])
  if (rarely(random, 60)) return oneOf(random, ['', '@nowhere'])
  const there = [...known.exchanges.keys()]
  return there.length === 0 ? oneOf(random, exchanges) : oneOf(random, there)
}

const words = ['a', 'b', '*', '#', '']
/** A few words, or the name of a queue. */
export function someKey(random: Random, wild: boolean): string {
  if (rarely(random, 4)) return oneOf(random, queues)
  const count = random(4)
  const usable = wild ? words : ['a', 'b', 'a', 'b', '']
  return Array.from({ length: count }, () => oneOf(random, usable)).join('.')
}

const headerArguments: readonly TypedTable[] = [
  {},
  { 'x-match': 'all', h: 'text' },
  { 'x-match': 'any', h: 5, g: true },
  { h: null },
  { 'x-match': 'any' },
  { 'x-match': 'any-with-x', 'x-h': 1 },
  { 'x-match': 'nosuch' },
  { 'x-match': 5 },
]

/**
 * Not @w where brokers do not do the same with what it remembers: RabbitMQ has what is published in a transaction before the
 * commit, hands it to a bound exchange in the opposite order, and fails where there is no way behind that.
 */
function someSource(random: Random, known: Known, ofExchange: boolean): string {
  const source = someExchange(random, known)
  const { isUncertain, hasAny } = known.history
  return source === '@w' && (isUncertain || (ofExchange && hasAny)) ? 'amq.topic' : source
}

export function bindStep(random: Random, known: Known, client: number): MethodStep {
  const ofExchange = rarely(random, 4)
  const source = someSource(random, known, ofExchange)
  const type = known.exchanges.get(source)?.fields?.['type']
  const headers = type === 'headers' || source === 'amq.headers' || source === 'amq.match'
  const hashes = source === HASHES
  const routingKey = hashes ? oneOf(random, hashKeys) : someKey(random, true)
  const unbind = rarely(random, 5)
  const args = headers || rarely(random, 20) ? { arguments: oneOf(random, headerArguments) } : {}
  if (!hashes && ofExchange) {
    // What is between two that cannot be deleted would stay there.
    const destination = source.startsWith('amq.') ? oneOf(random, exchanges) : someExchange(random, known)
    if (destination === '@w' && !unbind) known.history.isFed = true
    const fields = {
      source,
      destination,
      routingKey,
      ...flags({ nowait: rarely(random, 20) }),
    }
    return { client, do: unbind ? 'exchange.unbind' : 'exchange.bind', fields, ...args }
  }
  const fields = { queue: hashes ? HASHED : someQueue(random, known), exchange: source, routingKey }
  return { client, do: unbind ? 'queue.unbind' : 'queue.bind', fields, ...args }
}

const patterns = ['^@[ab]$', '^@[bc]$', '^@[qr]$', '^@s$', '^@', '^@[xyz]$', '@x$']
/** Of keys for which the brokers differ in the kinds of queue that take them: only where both do. */
const patternsOf: { readonly [key: string]: readonly string[] } = {
  'delivery-limit': ['^@[qr]$'],
  'queue-leader-locator': ['^@[qr]$', '^@s$'],
  'consumer-timeout': ['^@[qr]$'],
  'max-in-memory-length': ['^@[qr]$'],
  'max-in-memory-bytes': ['^@[qr]$'],
  // See argumentsOf.
  overflow: ['^@[ab]$', '^@[bc]$'],
}

export function policyStep(random: Random, known: Known): Step {
  const name = oneOf(random, policies)
  const kind = name === '@o1' ? 'operator policy' : 'policy'
  const common = { do: kind, name, priority: random(3) } as const
  const applyTo = oneOf(random, ['all', 'queues', 'queues', 'exchanges'])
  let pattern = oneOf(random, patterns)
  if (rarely(random, 4)) return { ...common, pattern, applyTo }
  const definition: { [key: string]: string | number } = {}
  const keys = Object.entries(policyKeys).filter(([, { since }]) => has(since, known))
  const count = 1 + random(3)
  while (Object.keys(definition).length < count) {
    const [key, { good, bad }] = oneOf(random, keys)
    const wrong = rarely(random, 15)
    if ((wrong ? bad : good).length === 0) continue
    const only = patternsOf[key]
    if (only !== undefined && Object.keys(definition).some((k) => k in patternsOf)) continue
    if (only !== undefined) pattern = oneOf(random, only)
    definition[key] = oneOf(random, wrong ? bad : good)
  }
  return { ...common, pattern, applyTo, definition }
}
