import { describe, expect, it } from 'vitest'
import { HISTORY_BYTES_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  bodies,
  CH,
  confirmed,
  confirmSelect,
  consume,
  counts,
  declareExchange,
  declareQueue,
  get,
  holds,
  refused,
  session,
} from '../support/session.ts'
import { differs, fresh, useTarget } from '../support/target.ts'
import { until } from '../support/until.ts'
import { publishFrames, table, type Wire } from '../support/wire.ts'

const t = useTarget()

/** Two queues with the binding keys given. */
async function twoQueues(w: Wire, x: string, keys: [string, string]): Promise<[string, string]> {
  const queues: [string, string] = [await declareQueue(w), await declareQueue(w)]
  for (const [i, q] of queues.entries()) await bindQueue(w, q, x, keys[i])
  return queues
}

describe('x-consistent-hash', () => {
  it('gives each message to one queue, the same for the same key, in proportion to the weights', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-consistent-hash')
    const [a, b] = await twoQueues(w, x, ['1', '3'])
    await confirmSelect(w)
    for (let i = 0; i < 2000; i++) w.publish(CH, { exchange: x, routingKey: `key-${i}` })
    await confirmed(w, 2000)
    const [inA, inB] = [(await counts(w, a)).messages, (await counts(w, b)).messages]
    expect(inA + inB).toBe(2000)
    expect(inB / inA).toBeGreaterThan(1.5)
    for (const q of [a, b]) await w.call(CH, MethodId.QueuePurge, { queue: q }, MethodId.QueuePurgeOk)
    for (let i = 0; i < 50; i++) w.publish(CH, { exchange: x, routingKey: 'same' })
    await confirmed(w, 2001, 2050)
    expect([(await counts(w, a)).messages, (await counts(w, b)).messages].sort()).toEqual([0, 50])
  })

  it('hashes a header or a property where it is told to', async () => {
    const w = await session(t)
    for (const args of [{ 'hash-header': 'hash-on' }, { 'hash-property': 'message_id' }]) {
      const x = await declareExchange(w, 'x-consistent-hash', { arguments: table(args) })
      const queues = await twoQueues(w, x, ['10', '10'])
      for (let i = 0; i < 40; i++)
        w.publish(CH, {
          exchange: x,
          routingKey: `other-${i}`,
          properties: { messageId: 'one', headers: table({ 'hash-on': 'one' }) },
        })
      const found = async (): Promise<number[]> => [
        (await counts(w, queues[0])).messages,
        (await counts(w, queues[1])).messages,
      ]
      await until(async () => (await found()).reduce((n, m) => n + m) === 40, 'all messages')
      expect((await found()).sort()).toEqual([0, 40])
    }
  })

  it('wants whole numbers above 0 as binding keys', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-consistent-hash', { autoDelete: false })
    const queue = await declareQueue(w)
    for (const [routingKey, text] of [
      ['abc', 'PRECONDITION_FAILED - The binding key must be an integer: '],
      ['0', 'PRECONDITION_FAILED - The binding key must be greater than 0'],
    ] as const) {
      w.send(CH, MethodId.QueueBind, { queue, exchange: x, routingKey })
      expect(await refused(w)).toEqual([406, expect.stringContaining(text)])
    }
    await w.call(CH, MethodId.ExchangeDelete, { exchange: x }, MethodId.ExchangeDeleteOk)
  })

  it('refuses two things to hash, and properties that it does not know', async () => {
    const w = await session(t)
    for (const [args, text] of [
      [
        { 'hash-header': 'a', 'hash-property': 'message_id' },
        'hash-header and hash-property are mutually exclusive',
      ],
      [{ 'hash-property': 'app_id' }, 'PRECONDITION_FAILED - Unsupported property: app_id'],
    ] as const) {
      w.send(CH, MethodId.ExchangeDeclare, {
        exchange: fresh('x'),
        type: 'x-consistent-hash',
        arguments: table(args),
      })
      expect(await refused(w)).toEqual([406, expect.stringMatching(new RegExp(`${text}$`))])
    }
  })
})

describe('x-random', () => {
  it('gives each message to one of the queues, whatever the key', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-random')
    const [a, b] = await twoQueues(w, x, ['', 'some.key'])
    await confirmSelect(w)
    for (let i = 0; i < 200; i++) w.publish(CH, { exchange: x, routingKey: 'any' })
    await confirmed(w, 200)
    const [inA, inB] = [(await counts(w, a)).messages, (await counts(w, b)).messages]
    expect(inA + inB).toBe(200)
    expect(Math.min(inA, inB)).toBeGreaterThan(20)
  })
})

describe('x-modulus-hash', () => {
  it('gives each message to one queue, the same for the same key', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-modulus-hash')
    const [a, b] = await twoQueues(w, x, ['', ''])
    await confirmSelect(w)
    for (let i = 0; i < 400; i++) w.publish(CH, { exchange: x, routingKey: `key-${i}` })
    await confirmed(w, 400)
    const [inA, inB] = [(await counts(w, a)).messages, (await counts(w, b)).messages]
    expect(inA + inB).toBe(400)
    expect(Math.min(inA, inB)).toBeGreaterThan(100)
    for (const q of [a, b]) await w.call(CH, MethodId.QueuePurge, { queue: q }, MethodId.QueuePurgeOk)
    for (let i = 0; i < 50; i++) w.publish(CH, { exchange: x, routingKey: 'same' })
    await confirmed(w, 401, 450)
    expect([(await counts(w, a)).messages, (await counts(w, b)).messages].sort()).toEqual([0, 50])
  })
})

describe('x-recent-history', () => {
  it('gives the last messages to a queue that is bound later, but not those that say no', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-recent-history', {
      autoDelete: false,
      arguments: table({ 'x-recent-history-length': 3 }),
    })
    const first = await declareQueue(w)
    await bindQueue(w, first, x)
    await confirmSelect(w)
    for (const body of ['a', 'b', 'c', 'd']) w.publish(CH, { exchange: x, body })
    w.publish(CH, {
      exchange: x,
      body: 'secret',
      properties: { headers: table({ 'x-recent-history-no-store': true }) },
    })
    await confirmed(w, 5)
    expect((await counts(w, first)).messages).toBe(5)
    const late = await declareQueue(w)
    await bindQueue(w, late, x)
    await consume(w, late, { noAck: true })
    expect((await bodies(w, 3)).sort()).toEqual(['b', 'c', 'd'])
    await w.call(CH, MethodId.ExchangeDelete, { exchange: x }, MethodId.ExchangeDeleteOk)
  })
})

describe('x-recent-history with an alternate exchange', () => {
  it('gives it what goes nowhere, and remembers that', async () => {
    const w = await session(t)
    const [queue, later] = [await declareQueue(w), await declareQueue(w)]
    const alternate = await declareExchange(w, 'fanout')
    await bindQueue(w, queue, alternate)
    const x = await declareExchange(w, 'x-recent-history', {
      arguments: table({ 'alternate-exchange': alternate }),
    })
    w.publish(CH, { exchange: x, mandatory: true, body: 'nowhere to go' })
    await holds(w, queue, 1)
    await bindQueue(w, later, x)
    await holds(w, later, 1)
    w.publish(CH, { exchange: x, body: 'on its way' })
    await holds(w, later, 2)
    expect((await counts(w, queue)).messages).toBe(1)
  })
})

describe('x-recent-history of an exchange', () => {
  it('reaches what that is bound to', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-recent-history')
    const direct = await declareExchange(w, 'direct')
    const q = await declareQueue(w)
    await bindQueue(w, q, direct, 'k')
    w.publish(CH, { exchange: x, routingKey: 'k', body: 'before' })
    const fields = { source: x, destination: direct }
    await w.call(CH, MethodId.ExchangeBind, fields, MethodId.ExchangeBindOk)
    await holds(w, q, 1)
    const r = await get(w, q)
    expect([String(r?.body), r?.method.exchange, r?.method.routingKey]).toEqual(['before', x, 'k'])
  })
})

describe('x-recent-history of large messages', () => {
  const leveretOnly = differs('RabbitMQ keeps them whatever their size')

  leveretOnly('keeps so many octets, not more', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-recent-history', {
      autoDelete: false,
      arguments: table({ 'x-recent-history-length': 10_000 }),
    })
    await confirmSelect(w)
    const large = HISTORY_BYTES_MAX / 4
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      w.publish(CH, { exchange: x, body: name.padEnd(large, '.') })
    w.publish(CH, { exchange: x, body: 'small' })
    await confirmed(w, 6)
    const late = await declareQueue(w)
    await bindQueue(w, late, x)
    await consume(w, late, { noAck: true })
    expect((await bodies(w, 4)).map((b) => b.replaceAll('.', '')).sort()).toEqual(['c', 'd', 'e', 'small'])
    await w.call(CH, MethodId.ExchangeDelete, { exchange: x }, MethodId.ExchangeDeleteOk)
  })
})

describe('x-delayed-message', () => {
  const plugin = differs('RabbitMQ needs a plugin that Debian does not have')

  plugin('routes after the delay, in the order of the due times, and marks what was delayed', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-delayed-message', {
      arguments: table({ 'x-delayed-type': 'direct' }),
    })
    const q = await declareQueue(w)
    await bindQueue(w, q, x, 'k')
    await confirmSelect(w)
    const began = Date.now()
    const frames = [
      { body: 'third', delay: 260 },
      { body: 'second', delay: 140 },
      { body: 'first', delay: 0 },
    ].map(({ body, delay }) =>
      publishFrames(CH, {
        exchange: x,
        routingKey: 'k',
        body,
        properties: { headers: table({ 'x-delay': delay, mine: 1 }) },
      }),
    )
    // At once: their delays begin at the same time.
    w.write(Buffer.concat(frames))
    await confirmed(w, 3)
    await consume(w, q, { noAck: true })
    expect(await bodies(w, 2)).toEqual(['first', 'second'])
    const d = await w.receive(CH, MethodId.BasicDeliver)
    expect(Date.now() - began).toBeGreaterThanOrEqual(255)
    expect([
      String(d.body),
      d.properties?.headers?.toPlain(),
      d.method.routingKey,
      d.method.exchange,
    ]).toEqual(['third', { 'x-delay': -260, mine: 1 }, 'k', x])
  })

  plugin('never returns what it holds, and routes carbon copies once', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-delayed-message', {
      arguments: table({ 'x-delayed-type': 'topic' }),
    })
    const q = await declareQueue(w)
    await bindQueue(w, q, x, 'a.*')
    await confirmSelect(w)
    const headers = table({ 'x-delay': 50, CC: ['a.c', 'a.d'] })
    w.publish(CH, { exchange: x, routingKey: 'a.b', mandatory: true, body: 'x', properties: { headers } })
    await confirmed(w, 1)
    await holds(w, q, 1)
    expect(String((await get(w, q))?.body)).toBe('x')
  })

  plugin('wants a type that exists', async () => {
    const w = await session(t)
    for (const args of [{}, { 'x-delayed-type': 'nonsense' }, { 'x-delayed-type': 'x-delayed-message' }]) {
      w.send(CH, MethodId.ExchangeDeclare, {
        exchange: fresh('x'),
        type: 'x-delayed-message',
        arguments: table(args as Record<string, string>),
      })
      expect(await refused(w)).toEqual([
        406,
        "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type",
      ])
    }
  })
})

describe('deduplication', () => {
  const plugin = differs('RabbitMQ needs a plugin that Debian does not have')
  const publish = (w: Wire, exchange: string, routingKey: string, value: string | number): void =>
    w.publish(CH, {
      exchange,
      routingKey,
      mandatory: true,
      properties: { headers: table({ 'x-deduplication-header': value }) },
    })

  plugin('of an exchange lets each value pass once, and confirms the others', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'topic', {
      arguments: table({ 'x-message-deduplication': true, 'x-cache-size': 2 }),
    })
    const q = await declareQueue(w)
    await bindQueue(w, q, x, '#')
    await confirmSelect(w)
    for (const value of ['a', 'a', 7, 'b', 7, 'a']) publish(w, x, 'any', value)
    w.publish(CH, { exchange: x, routingKey: 'none' })
    w.publish(CH, { exchange: x, routingKey: 'none' })
    await confirmed(w, 8)
    // a, 7, b, a again (two values are remembered), and two without the header.
    expect((await counts(w, q)).messages).toBe(6)
  })

  plugin('comes with the exchange type of that name', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'x-message-deduplication', {
      arguments: table({ 'x-cache-size': 10 }),
    })
    const q = await declareQueue(w)
    await bindQueue(w, q, x)
    for (const value of [1, 2, 1]) publish(w, x, '', value)
    expect((await counts(w, q)).messages).toBe(2)
  })

  plugin('of a queue drops what it has had, until the time is over', async () => {
    const w = await session(t)
    const q = await declareQueue(w, {
      arguments: table({ 'x-message-deduplication': true, 'x-cache-ttl': 80 }),
    })
    for (const value of ['a', 'a', 'b']) publish(w, '', q, value)
    expect((await counts(w, q)).messages).toBe(2)
    await until(async () => {
      publish(w, '', q, 'a')
      return (await counts(w, q)).messages === 3
    }, 'the value to be forgotten')
  })

  plugin('remembers nothing of a transaction that is rolled back', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'fanout', { arguments: table({ 'x-message-deduplication': true }) })
    const q = await declareQueue(w)
    await bindQueue(w, q, x)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    publish(w, x, '', 'once')
    await w.call(CH, MethodId.TxRollback, {}, MethodId.TxRollbackOk)
    publish(w, x, '', 'once')
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    publish(w, x, '', 'once')
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    expect((await counts(w, q)).messages).toBe(1)
  })
})
