import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { useDurableBroker } from '../support/durable-broker.ts'
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
import { table } from '../support/wire.ts'

const t = useDurableBroker()

const durable = { exclusive: false, durable: true }
const persistent = { deliveryMode: 2 }

async function confirmed(count: number): Promise<void> {
  for (let tag = 0; tag < count; ) tag = (await t.w.expect(CH, MethodId.BasicAck)).deliveryTag
}

describe('after a restart', () => {
  it('durable exchanges, queues and bindings are there, others are not', async () => {
    const x = await declareExchange(t.w, 'topic', { durable: true, autoDelete: false })
    const inner = await declareExchange(t.w, 'headers', { durable: true, autoDelete: false })
    const lost = await declareExchange(t.w, 'fanout', { autoDelete: false })
    const q = await declareQueue(t.w, { ...durable, arguments: table({ 'x-max-length': 5, mine: 'kept' }) })
    const quorum = await declareQueue(t.w, { ...durable, arguments: table({ 'x-queue-type': 'quorum' }) })
    const transient = await declareQueue(t.w, { exclusive: false })
    await bindQueue(t.w, q, x, 'a.#')
    await bindQueue(t.w, quorum, inner, '', { 'x-match': 'any', kind: 'b' })
    await t.w.call(
      CH,
      MethodId.ExchangeBind,
      { source: x, destination: inner, routingKey: 'to.inner' },
      MethodId.ExchangeBindOk,
    )
    await t.restart()
    await declareExchange(t.w, 'topic', { exchange: x, durable: true, autoDelete: false })
    await declareQueue(t.w, { ...durable, queue: q, arguments: table({ 'x-max-length': 5, mine: 'kept' }) })
    t.w.publish(CH, { exchange: x, routingKey: 'a.b', body: '1' })
    t.w.publish(CH, {
      exchange: x,
      routingKey: 'to.inner',
      body: '2',
      properties: { headers: table({ kind: 'b' }) },
    })
    expect(String((await get(t.w, q))?.body)).toBe('1')
    expect(String((await get(t.w, quorum))?.body)).toBe('2')
    for (const queue of [transient]) {
      t.w.send(CH, MethodId.QueueDeclare, { queue, passive: true })
      expect((await t.w.channelError(CH)).code).toBe(404)
      await t.w.channel(CH)
    }
    t.w.send(CH, MethodId.ExchangeDeclare, { exchange: lost, type: '', passive: true })
    expect((await t.w.channelError(CH)).code).toBe(404)
  })

  it('what was deleted or unbound stays so', async () => {
    const q = await declareQueue(t.w, durable)
    const gone = await declareQueue(t.w, durable)
    const x = await declareExchange(t.w, 'fanout', { durable: true, autoDelete: false })
    await bindQueue(t.w, q, x)
    t.w.publish(CH, { routingKey: gone, properties: persistent })
    await t.w.call(CH, MethodId.QueueUnbind, { queue: q, exchange: x }, MethodId.QueueUnbindOk)
    await t.w.call(CH, MethodId.QueueDelete, { queue: gone }, MethodId.QueueDeleteOk)
    await t.restart()
    t.w.publish(CH, { exchange: x })
    expect((await counts(t.w, q)).messages).toBe(0)
    await declareQueue(t.w, { ...durable, queue: gone })
    expect((await counts(t.w, gone)).messages).toBe(0)
  })

  it('persistent messages of durable queues are there in order, transient ones are not', async () => {
    const q = await declareQueue(t.w, durable)
    await confirmSelect(t.w)
    for (let i = 0; i < 3000; i++)
      t.w.publish(CH, {
        routingKey: q,
        body: String(i),
        properties: i % 3 === 2 ? {} : { ...persistent, messageId: `m${i}` },
      })
    await confirmed(3000)
    await t.restart()
    expect((await counts(t.w, q)).messages).toBe(2000)
    await consume(t.w, q, { noAck: true })
    const list = await deliveries(t.w, 2000)
    expect(list.map((d) => Number(d.body))).toEqual(
      Array.from({ length: 3000 }, (_, i) => i).filter((i) => i % 3 !== 2),
    )
    expect(list[10]?.properties?.messageId).toBe(`m${list[10]?.body}`)
    expect(list.every((d) => !d.method.redelivered)).toBe(true)
  })

  it('all messages of quorum queues are there, whatever their delivery mode', async () => {
    const q = await declareQueue(t.w, { ...durable, arguments: table({ 'x-queue-type': 'quorum' }) })
    const other = await declareQueue(t.w, durable)
    await confirmSelect(t.w)
    const x = await declareExchange(t.w, 'fanout', { durable: true, autoDelete: false })
    for (const queue of [q, other]) await bindQueue(t.w, queue, x)
    t.w.publish(CH, { exchange: x, body: 'transient', properties: { deliveryMode: 1 } })
    t.w.publish(CH, { exchange: x, body: 'persistent', properties: persistent })
    await confirmed(2)
    await t.restart()
    const first = await get(t.w, q)
    expect([String(first?.body), first?.properties?.deliveryMode]).toEqual(['transient', 1])
    expect(String((await get(t.w, q))?.body)).toBe('persistent')
    expect((await counts(t.w, other)).messages).toBe(1)
  })

  it('large messages are whole', async () => {
    const q = await declareQueue(t.w, durable)
    await confirmSelect(t.w)
    const body = Buffer.from(Uint8Array.from({ length: 700_000 }, (_, i) => (i * 7) & 0xff))
    t.w.publish(CH, { routingKey: q, body, properties: persistent })
    await confirmed(1)
    await t.restart()
    expect((await get(t.w, q))?.body?.equals(body)).toBe(true)
  })

  it('acknowledged messages are gone, unacked ones back in place as redelivered', async () => {
    const q = await declareQueue(t.w, durable)
    await confirmSelect(t.w)
    for (let i = 0; i < 10; i++) t.w.publish(CH, { routingKey: q, body: String(i), properties: persistent })
    await confirmed(10)
    for (let i = 0; i < 6; i++) await get(t.w, q, false)
    for (const deliveryTag of [1, 2, 4]) t.w.send(CH, MethodId.BasicAck, { deliveryTag })
    await t.w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    await t.restart()
    await consume(t.w, q, { noAck: true })
    expect((await deliveries(t.w, 7)).map((d) => [String(d.body), d.method.redelivered])).toEqual([
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
    const q = await declareQueue(t.w, durable)
    for (let round = 0; round < 4; round++) {
      await confirmSelect(t.w)
      t.w.publish(CH, { routingKey: q, body: String(round), properties: persistent })
      await confirmed(1)
      await t.restart()
    }
    await consume(t.w, q, { noAck: true })
    expect((await deliveries(t.w, 4)).map((d) => String(d.body))).toEqual(['0', '1', '2', '3'])
    await t.restart()
    expect((await counts(t.w, q)).messages).toBe(0)
  })

  it('deadlines hold', async () => {
    const q = await declareQueue(t.w, {
      ...durable,
      arguments: table({ 'x-dead-letter-exchange': 'amq.fanout' }),
    })
    const dead = await declareQueue(t.w, durable)
    await bindQueue(t.w, dead, 'amq.fanout')
    await confirmSelect(t.w)
    t.w.publish(CH, { routingKey: q, body: 'soon', properties: { ...persistent, expiration: '40' } })
    t.w.publish(CH, { routingKey: q, body: 'later', properties: { ...persistent, expiration: '60000' } })
    await confirmed(2)
    await t.restart()
    await holds(t.w, dead, 1)
    expect((await counts(t.w, q)).messages).toBe(1)
    await t.restart()
    expect(String((await get(t.w, dead))?.body)).toBe('soon')
  })

  it('a queue that was empty keeps what comes next', async () => {
    const q = await declareQueue(t.w, durable)
    await confirmSelect(t.w)
    t.w.publish(CH, { routingKey: q, body: 'first', properties: persistent })
    await confirmed(1)
    await t.restart()
    expect(String((await get(t.w, q))?.body)).toBe('first')
    await t.restart()
    await confirmSelect(t.w)
    t.w.publish(CH, { routingKey: q, body: 'second', properties: persistent })
    await confirmed(1)
    await t.restart()
    expect(String((await get(t.w, q))?.body)).toBe('second')
  })

  it('priorities hold', async () => {
    const q = await declareQueue(t.w, { ...durable, arguments: table({ 'x-max-priority': 2 }) })
    await confirmSelect(t.w)
    for (const [body, priority] of [
      ['low', 0],
      ['high', 2],
      ['middle', 1],
    ] as const)
      t.w.publish(CH, { routingKey: q, body, properties: { ...persistent, priority } })
    await confirmed(3)
    await t.restart()
    expect((await counts(t.w, q)).messages).toBe(3)
    await consume(t.w, q, { noAck: true })
    expect((await deliveries(t.w, 3)).map((d) => String(d.body))).toEqual(['high', 'middle', 'low'])
  })

  it('delivery counts hold', async () => {
    const q = await declareQueue(t.w, { ...durable, arguments: table({ 'x-queue-type': 'quorum' }) })
    await confirmSelect(t.w)
    for (const body of ['a', 'b']) t.w.publish(CH, { routingKey: q, body, properties: persistent })
    await confirmed(2)
    for (let i = 0; i < 3; i++) {
      const m = await get(t.w, q, false)
      t.w.send(CH, MethodId.BasicNack, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: true })
    }
    await t.w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    await t.restart()
    await consume(t.w, q)
    const list = await deliveries(t.w, 2)
    expect(list.map((d) => [String(d.body), d.properties?.headers?.toPlain()['x-delivery-count']])).toEqual([
      ['a', 3],
      ['b', undefined],
    ])
  })

  it('a committed transaction is there as a whole', async () => {
    const [a, b] = [await declareQueue(t.w, durable), await declareQueue(t.w, durable)]
    await confirmSelect(t.w)
    t.w.publish(CH, { routingKey: a, body: 'in', properties: persistent })
    await confirmed(1)
    await t.w.channel(2)
    await t.w.call(2, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    t.w.send(2, MethodId.BasicGet, { queue: a })
    await t.w.receive(2, MethodId.BasicGetOk)
    t.w.publish(2, { routingKey: b, body: 'out', properties: persistent })
    t.w.send(2, MethodId.BasicAck, { deliveryTag: 1 })
    await t.w.call(2, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    await t.restart()
    expect([(await counts(t.w, a)).messages, (await counts(t.w, b)).messages]).toEqual([0, 1])
  })

  it('clients were told with 320', async () => {
    const closing = t.broker.close()
    const m = await t.w.expect(0, MethodId.ConnectionClose)
    expect([m.replyCode, m.replyText]).toEqual([
      320,
      "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
    ])
    t.w.send(0, MethodId.ConnectionCloseOk)
    await closing
    await t.start()
  })
})
