/** Features whose state has to outlive the process. */
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { systemClock } from '../../src/util/clock.ts'
import { useDurableBroker } from '../support/durable-broker.ts'
import {
  bindQueue,
  CH,
  confirmed,
  confirmSelect,
  counts,
  declareExchange,
  declareQueue,
  get,
  holds,
} from '../support/session.ts'
import { table } from '../support/wire.ts'

const t = useDurableBroker()

/** Nothing becomes due, however long a restart takes. @returns lets time go on */
function stopTime(): () => void {
  const now = vi.spyOn(systemClock, 'now').mockReturnValue(systemClock.now())
  onTestFinished(() => now.mockRestore())
  return () => now.mockRestore()
}

/** So much time has passed meanwhile. */
function skipTime(ms: number): void {
  const real = systemClock.now
  const now = vi.spyOn(systemClock, 'now').mockImplementation(() => real() + ms)
  onTestFinished(() => now.mockRestore())
}

const durable = { durable: true, autoDelete: false }
const persistent = { deliveryMode: 2 }

describe('delayed messages', () => {
  const publish = (exchange: string, body: string, delay: number | bigint): void =>
    t.w.publish(CH, { exchange, body, properties: { ...persistent, headers: table({ 'x-delay': delay }) } })

  it('come after a restart, late ones at once, in their order', async () => {
    const args = table({ 'x-delayed-type': 'fanout' })
    const x = await declareExchange(t.w, 'x-delayed-message', { ...durable, arguments: args })
    const q = await declareQueue(t.w, { exclusive: false, durable: true })
    await bindQueue(t.w, q, x)
    await confirmSelect(t.w)
    publish(x, 'second', 600)
    publish(x, 'first', 300)
    publish(x, 'much later', 3_600_000)
    await confirmed(t.w, 3)
    expect((await counts(t.w, q)).messages).toBe(0)
    await t.stop()
    skipTime(400)
    await t.start()
    // An exchange that holds messages takes more of them after the restart, also for a time that is taken already.
    await confirmSelect(t.w)
    publish(x, 'third', 700)
    await confirmed(t.w, 1)
    await holds(t.w, q, 3)
    const bodies: string[] = []
    for (let i = 0; i < 3; i++) bodies.push(String((await get(t.w, q))?.body))
    expect(bodies).toEqual(['first', 'second', 'third'])
    await t.restart()
    expect((await counts(t.w, q)).messages).toBe(0)
  })

  it('may wait for years, longer than a timer can', async () => {
    const args = table({ 'x-delayed-type': 'fanout' })
    const x = await declareExchange(t.w, 'x-delayed-message', { ...durable, arguments: args })
    const q = await declareQueue(t.w, { exclusive: false, durable: true })
    await bindQueue(t.w, q, x)
    await confirmSelect(t.w)
    publish(x, 'in a month', 2_500_000_000)
    publish(x, 'in years', 100_000_000_000n)
    publish(x, 'soon', 50)
    await confirmed(t.w, 3)
    await holds(t.w, q, 1)
    await t.restart()
    await confirmSelect(t.w)
    publish(x, 'soon again', 50)
    await confirmed(t.w, 1)
    await holds(t.w, q, 2)
    for (const body of ['soon', 'soon again']) expect(String((await get(t.w, q))?.body)).toBe(body)
  })

  it('go with their exchange: a new one of the same name does not get them', async () => {
    const declare = (): Promise<string> =>
      declareExchange(t.w, 'x-delayed-message', {
        ...durable,
        exchange: 'delays',
        arguments: table({ 'x-delayed-type': 'fanout' }),
      })
    await declare()
    await confirmSelect(t.w)
    publish('delays', 'old', 100)
    await confirmed(t.w, 1)
    await t.w.call(CH, MethodId.ExchangeDelete, { exchange: 'delays' }, MethodId.ExchangeDeleteOk)
    await declare()
    const q = await declareQueue(t.w)
    await bindQueue(t.w, q, 'delays')
    publish('delays', 'new', 150)
    await confirmed(t.w, 2, 2)
    await holds(t.w, q, 1)
    expect(String((await get(t.w, q))?.body)).toBe('new')
    expect((await counts(t.w, q)).messages).toBe(0)
  })
})

describe('deduplication', () => {
  it('of durable exchanges and queues knows after a restart what it had', async () => {
    const args = table({ 'x-message-deduplication': true, 'x-cache-size': 100 })
    const x = await declareExchange(t.w, 'fanout', { ...durable, arguments: args })
    const q = await declareQueue(t.w, { exclusive: false, durable: true })
    const own = await declareQueue(t.w, { exclusive: false, durable: true, arguments: args })
    await bindQueue(t.w, q, x)
    const publish = async (): Promise<number[]> => {
      for (const [exchange, routingKey] of [
        [x, ''],
        ['', own],
      ] as const)
        t.w.publish(CH, {
          exchange,
          routingKey,
          properties: { ...persistent, headers: table({ 'x-deduplication-header': 'order-17' }) },
        })
      return [(await counts(t.w, q)).messages, (await counts(t.w, own)).messages]
    }
    expect(await publish()).toEqual([1, 1])
    await t.restart()
    expect(await publish()).toEqual([1, 1])
    await t.w.call(CH, MethodId.QueueDelete, { queue: own }, MethodId.QueueDeleteOk)
    await declareQueue(t.w, { queue: own, exclusive: false, durable: true, arguments: args })
    expect(await publish()).toEqual([1, 1])
  })
})

describe('expiry anywhere', () => {
  it('goes on after a restart, for messages on disk', async () => {
    const q = await declareQueue(t.w, {
      exclusive: false,
      durable: true,
      arguments: table({ 'x-expire-anywhere': true }),
    })
    await confirmSelect(t.w)
    const goOn = stopTime()
    for (const expiration of ['3600000', '700', '3600000'])
      t.w.publish(CH, { routingKey: q, properties: { ...persistent, expiration } })
    await confirmed(t.w, 3)
    await t.restart()
    expect((await counts(t.w, q)).messages).toBe(3)
    goOn()
    await holds(t.w, q, 2)
  })
})

describe('delayed retry', () => {
  it('goes on after a restart: what waited waits, what is due comes, counted', async () => {
    for (const more of [{}, { 'x-max-priority': 3 }, { 'x-queue-type': 'quorum' }]) {
      const args = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 600, ...more }
      const q = await declareQueue(t.w, { exclusive: false, durable: true, arguments: table(args) })
      await confirmSelect(t.w)
      for (const body of ['a', 'b', 'c']) t.w.publish(CH, { routingKey: q, body, properties: persistent })
      await confirmed(t.w, 3)
      const goOn = stopTime()
      for (let i = 0; i < 2; i++) {
        const d = await get(t.w, q, false)
        t.w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
      }
      expect((await counts(t.w, q)).messages).toBe(1)
      await t.restart()
      expect((await counts(t.w, q)).messages).toBe(1)
      goOn()
      await holds(t.w, q, 3)
      const seen: unknown[] = []
      for (let i = 0; i < 3; i++) {
        const d = await get(t.w, q)
        seen.push([String(d?.body), d?.properties?.headers?.toPlain()['x-delivery-count']])
      }
      expect(seen.sort()).toEqual([
        ['a', 1],
        ['b', 1],
        ['c', undefined],
      ])
      await t.restart()
      expect((await counts(t.w, q)).messages).toBe(0)
    }
  })
})

describe('streams', () => {
  it('keep their messages and offsets, and go on behind them', async () => {
    const q = await declareQueue(t.w, {
      exclusive: false,
      durable: true,
      arguments: table({ 'x-queue-type': 'stream' }),
    })
    await confirmSelect(t.w)
    // Transient messages too: a stream is a log.
    for (let i = 0; i < 3000; i++) t.w.publish(CH, { routingKey: q, body: `${i} ${'x'.repeat(500)}` })
    await confirmed(t.w, 3000)
    await t.restart()
    expect((await counts(t.w, q)).messages).toBe(3000)
    t.w.publish(CH, { routingKey: q, body: '3000 new' })
    await t.w.call(CH, MethodId.BasicQos, { prefetchCount: 5000 }, MethodId.BasicQosOk)
    for (const offset of [0, 1500]) {
      const args = table({ 'x-stream-offset': offset })
      const tag = `from-${offset}`
      await t.w.call(
        CH,
        MethodId.BasicConsume,
        { queue: q, consumerTag: tag, arguments: args },
        MethodId.BasicConsumeOk,
      )
      for (let i = offset; i <= 3000; i++) {
        const d = await t.w.receive(CH, MethodId.BasicDeliver)
        expect([
          Number.parseInt(String(d.body), 10),
          d.properties?.headers?.toPlain()['x-stream-offset'],
        ]).toEqual([i, i])
      }
      await t.w.call(CH, MethodId.BasicCancel, { consumerTag: tag }, MethodId.BasicCancelOk)
    }
  })
})
