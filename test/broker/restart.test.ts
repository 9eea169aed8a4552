import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  CH,
  confirmSelect,
  consume,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  holds,
} from '../support/session.ts'
import { table, Wire } from '../support/wire.ts'

let dir: string
let broker: RunningBroker
let w: Wire

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'leveret-restart-'))
  await start()
})
afterEach(async () => {
  w.socket.destroy()
  await broker.close()
  rmSync(dir, { recursive: true, force: true })
})

async function start(): Promise<void> {
  broker = await createBroker({ port: 0, storage: 'lmdb', dataDir: dir })
  w = await Wire.open(broker.url)
  await w.channel(CH)
}

async function restart(): Promise<void> {
  w.socket.destroy()
  await broker.close()
  await start()
}

const durable = { exclusive: false, durable: true }
const persistent = { deliveryMode: 2 }

async function confirmed(count: number): Promise<void> {
  for (let tag = 0; tag < count; ) tag = (await w.expect(CH, MethodId.BasicAck)).deliveryTag
}

describe('after a restart', () => {
  it('durable exchanges, queues and bindings are there, others are not', async () => {
    const x = await declareExchange(w, 'topic', { durable: true, autoDelete: false })
    const inner = await declareExchange(w, 'headers', { durable: true, autoDelete: false })
    const lost = await declareExchange(w, 'fanout', { autoDelete: false })
    const q = await declareQueue(w, { ...durable, arguments: table({ 'x-max-length': 5, mine: 'kept' }) })
    const quorum = await declareQueue(w, { ...durable, arguments: table({ 'x-queue-type': 'quorum' }) })
    const transient = await declareQueue(w, { exclusive: false })
    await bindQueue(w, q, x, 'a.#')
    await bindQueue(w, quorum, inner, '', { 'x-match': 'any', kind: 'b' })
    await w.call(
      CH,
      MethodId.ExchangeBind,
      { source: x, destination: inner, routingKey: 'to.inner' },
      MethodId.ExchangeBindOk,
    )
    await restart()
    await declareExchange(w, 'topic', { exchange: x, durable: true, autoDelete: false })
    await declareQueue(w, { ...durable, queue: q, arguments: table({ 'x-max-length': 5, mine: 'kept' }) })
    w.publish(CH, { exchange: x, routingKey: 'a.b', body: '1' })
    w.publish(CH, {
      exchange: x,
      routingKey: 'to.inner',
      body: '2',
      properties: { headers: table({ kind: 'b' }) },
    })
    expect(String((await get(w, q))?.body)).toBe('1')
    expect(String((await get(w, quorum))?.body)).toBe('2')
    for (const queue of [transient]) {
      w.send(CH, MethodId.QueueDeclare, { queue, passive: true })
      expect((await w.channelError(CH)).code).toBe(404)
      await w.channel(CH)
    }
    w.send(CH, MethodId.ExchangeDeclare, { exchange: lost, type: '', passive: true })
    expect((await w.channelError(CH)).code).toBe(404)
  })

  it('what was deleted or unbound stays so', async () => {
    const q = await declareQueue(w, durable)
    const gone = await declareQueue(w, durable)
    const x = await declareExchange(w, 'fanout', { durable: true, autoDelete: false })
    await bindQueue(w, q, x)
    w.publish(CH, { routingKey: gone, properties: persistent })
    await w.call(CH, MethodId.QueueUnbind, { queue: q, exchange: x }, MethodId.QueueUnbindOk)
    await w.call(CH, MethodId.QueueDelete, { queue: gone }, MethodId.QueueDeleteOk)
    await restart()
    w.publish(CH, { exchange: x })
    expect((await counts(w, q)).messages).toBe(0)
    await declareQueue(w, { ...durable, queue: gone })
    expect((await counts(w, gone)).messages).toBe(0)
  })

  it('persistent messages of durable queues are there in order, transient ones are not', async () => {
    const q = await declareQueue(w, durable)
    await confirmSelect(w)
    for (let i = 0; i < 3000; i++)
      w.publish(CH, {
        routingKey: q,
        body: String(i),
        properties: i % 3 === 2 ? {} : { ...persistent, messageId: `m${i}` },
      })
    await confirmed(3000)
    await restart()
    expect((await counts(w, q)).messages).toBe(2000)
    await consume(w, q, { noAck: true })
    const list = await deliveries(w, 2000)
    expect(list.map((d) => Number(d.body))).toEqual(
      Array.from({ length: 3000 }, (_, i) => i).filter((i) => i % 3 !== 2),
    )
    expect(list[10]?.properties?.messageId).toBe(`m${list[10]?.body}`)
    expect(list.every((d) => !d.method.redelivered)).toBe(true)
  })

  it('large messages are whole', async () => {
    const q = await declareQueue(w, durable)
    await confirmSelect(w)
    const body = Buffer.from(Uint8Array.from({ length: 700_000 }, (_, i) => (i * 7) & 0xff))
    w.publish(CH, { routingKey: q, body, properties: persistent })
    await confirmed(1)
    await restart()
    expect((await get(w, q))?.body?.equals(body)).toBe(true)
  })

  it('acknowledged messages are gone, unacked ones back in place as redelivered', async () => {
    const q = await declareQueue(w, durable)
    await confirmSelect(w)
    for (let i = 0; i < 10; i++) w.publish(CH, { routingKey: q, body: String(i), properties: persistent })
    await confirmed(10)
    for (let i = 0; i < 6; i++) await get(w, q, false)
    for (const deliveryTag of [1, 2, 4]) w.send(CH, MethodId.BasicAck, { deliveryTag })
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    await restart()
    await consume(w, q, { noAck: true })
    expect((await deliveries(w, 7)).map((d) => [String(d.body), d.method.redelivered])).toEqual([
      ['2', true],
      ['4', true],
      ['5', true],
      ['6', false],
      ['7', false],
      ['8', false],
      ['9', false],
    ])
  })

  it('new messages come behind the old ones, and survive the next restart', async () => {
    const q = await declareQueue(w, durable)
    for (let round = 0; round < 4; round++) {
      await confirmSelect(w)
      w.publish(CH, { routingKey: q, body: String(round), properties: persistent })
      await confirmed(1)
      await restart()
    }
    await consume(w, q, { noAck: true })
    expect((await deliveries(w, 4)).map((d) => String(d.body))).toEqual(['0', '1', '2', '3'])
    await restart()
    expect((await counts(w, q)).messages).toBe(0)
  })

  it('deadlines hold', async () => {
    const q = await declareQueue(w, {
      ...durable,
      arguments: table({ 'x-dead-letter-exchange': 'amq.fanout' }),
    })
    const dead = await declareQueue(w, durable)
    await bindQueue(w, dead, 'amq.fanout')
    await confirmSelect(w)
    w.publish(CH, { routingKey: q, body: 'soon', properties: { ...persistent, expiration: '40' } })
    w.publish(CH, { routingKey: q, body: 'later', properties: { ...persistent, expiration: '60000' } })
    await confirmed(2)
    await restart()
    await holds(w, dead, 1)
    expect((await counts(w, q)).messages).toBe(1)
    await restart()
    expect(String((await get(w, dead))?.body)).toBe('soon')
  })

  it('a queue that was empty keeps what comes next', async () => {
    const q = await declareQueue(w, durable)
    await confirmSelect(w)
    w.publish(CH, { routingKey: q, body: 'first', properties: persistent })
    await confirmed(1)
    await restart()
    expect(String((await get(w, q))?.body)).toBe('first')
    await restart()
    await confirmSelect(w)
    w.publish(CH, { routingKey: q, body: 'second', properties: persistent })
    await confirmed(1)
    await restart()
    expect(String((await get(w, q))?.body)).toBe('second')
  })

  it('priorities hold', async () => {
    const q = await declareQueue(w, { ...durable, arguments: table({ 'x-max-priority': 2 }) })
    await confirmSelect(w)
    for (const [body, priority] of [
      ['low', 0],
      ['high', 2],
      ['middle', 1],
    ] as const)
      w.publish(CH, { routingKey: q, body, properties: { ...persistent, priority } })
    await confirmed(3)
    await restart()
    expect((await counts(w, q)).messages).toBe(3)
    await consume(w, q, { noAck: true })
    expect((await deliveries(w, 3)).map((d) => String(d.body))).toEqual(['high', 'middle', 'low'])
  })

  it('delivery counts hold', async () => {
    const q = await declareQueue(w, { ...durable, arguments: table({ 'x-queue-type': 'quorum' }) })
    await confirmSelect(w)
    for (const body of ['a', 'b']) w.publish(CH, { routingKey: q, body, properties: persistent })
    await confirmed(2)
    for (let i = 0; i < 3; i++) {
      const m = await get(w, q, false)
      w.send(CH, MethodId.BasicNack, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: true })
    }
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    await restart()
    await consume(w, q)
    const list = await deliveries(w, 2)
    expect(list.map((d) => [String(d.body), d.properties?.headers?.toPlain()['x-delivery-count']])).toEqual([
      ['a', 3],
      ['b', undefined],
    ])
  })

  it('a committed transaction is there as a whole', async () => {
    const [a, b] = [await declareQueue(w, durable), await declareQueue(w, durable)]
    await confirmSelect(w)
    w.publish(CH, { routingKey: a, body: 'in', properties: persistent })
    await confirmed(1)
    await w.channel(2)
    await w.call(2, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.send(2, MethodId.BasicGet, { queue: a })
    await w.receive(2, MethodId.BasicGetOk)
    w.publish(2, { routingKey: b, body: 'out', properties: persistent })
    w.send(2, MethodId.BasicAck, { deliveryTag: 1 })
    await w.call(2, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    await restart()
    expect([(await counts(w, a)).messages, (await counts(w, b)).messages]).toEqual([0, 1])
  })

  it('clients were told with 320', async () => {
    const closing = broker.close()
    const m = await w.expect(0, MethodId.ConnectionClose)
    expect([m.replyCode, m.replyText]).toEqual([
      320,
      "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
    ])
    w.send(0, MethodId.ConnectionCloseOk)
    await closing
    await start()
  })
})
