/** Random steps over a few queues and exchanges. */
import fc from 'fast-check'

export const queues = ['a', 'b', 'c'] as const
export const exchanges = ['x', 'y'] as const

/** What a queue may be declared with; the last ones are wrong. */
export const queueArguments = [
  {},
  { 'x-max-length': 2 },
  { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
  { 'x-max-length-bytes': 6 },
  { 'x-max-priority': 2 },
  { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'DEAD' },
  { 'x-max-length': 1, 'x-dead-letter-exchange': 'DLX' },
  { 'x-single-active-consumer': true },
  { 'x-message-ttl': 3_600_000 },
  { 'x-message-ttl': -1 },
  { 'x-max-priority': 'high' },
] as const
export function deadLettersExcess(args: number): boolean {
  const a = queueArguments[args] ?? {}
  return 'x-max-length' in a && 'x-dead-letter-exchange' in a
}
const VALID_ARGUMENTS = queueArguments.length - 2

const queue = fc.constantFrom(...queues)
const exchange = fc.constantFrom(...exchanges)
const key = fc
  .array(fc.constantFrom('a', 'b', '*', '#', ''), { maxLength: 4 })
  .map((words) => words.join('.'))
const rarely = fc.integer({ min: 0, max: 4 }).map((n) => n === 0)

const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('declare' as const),
      queue,
      args: fc.nat(queueArguments.length - 1),
      durable: fc.boolean(),
      autoDelete: rarely,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      queue,
      ifUnused: fc.boolean(),
      ifEmpty: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const), queue }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('declareExchange' as const),
      exchange,
      type: fc.constantFrom('direct', 'fanout', 'topic'),
      autoDelete: rarely,
      internal: rarely,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('deleteExchange' as const), exchange, ifUnused: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('bind' as const, 'bind' as const, 'unbind' as const),
      queue,
      exchange,
      key,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('bindExchange' as const, 'unbindExchange' as const),
      exchange,
      to: exchange,
      key,
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      exchange: fc.constantFrom('', '', ...exchanges),
      queue,
      key,
      mandatory: fc.boolean(),
      priority: fc.nat(3),
      persistent: fc.boolean(),
      cc: fc.option(queue, { freq: 4 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('get' as const), queue, noAck: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('ack' as const, 'requeue' as const, 'reject' as const),
      which: fc.nat(5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('ackAll' as const, 'nackAll' as const, 'recover' as const, 'bogusAck' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('consume' as const),
      queue,
      noAck: fc.boolean(),
      exclusive: rarely,
      prefetch: fc.nat(2),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cancel' as const), queue }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'commit' as const, 'rollback' as const) }),
  },
)
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** In transactions, or with publisher confirms. */
export interface Run {
  readonly tx: boolean
  readonly steps: readonly Step[]
}

/** Queues, exchanges and bindings first, so that there is something to work on. */
export const runs = fc
  .tuple(
    fc.array(fc.nat(VALID_ARGUMENTS - 1), { minLength: 3, maxLength: 3 }),
    fc.array(fc.constantFrom('direct', 'fanout', 'topic'), { minLength: 2, maxLength: 2 }),
    fc.array(fc.record({ queue, exchange, key }), { minLength: 2, maxLength: 6 }),
    fc.array(step, { minLength: 10, maxLength: 60 }),
    fc.boolean(),
  )
  .map(([args, types, bindings, more, tx]): Run => {
    const usual = { autoDelete: false, internal: false, durable: false }
    const steps = [
      ...queues.map((q, i): Step => ({ do: 'declare', queue: q, args: args[i] as number, ...usual })),
      ...exchanges.map(
        (x, i): Step => ({ do: 'declareExchange', exchange: x, type: types[i] as 'topic', ...usual }),
      ),
      ...bindings.map((b): Step => ({ do: 'bind', ...b })),
      ...more,
    ]
    return { tx, steps }
  })
