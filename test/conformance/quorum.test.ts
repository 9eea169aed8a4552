import { describe, expect, it, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  CH,
  consume,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  holds,
  refused,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { table, Wire } from '../support/wire.ts'

const t = useTarget()

async function quorum(w: Wire, args: Parameters<typeof table>[0]): Promise<string> {
  const q = await declareQueue(w, {
    exclusive: false,
    durable: true,
    arguments: table({ 'x-queue-type': 'quorum', ...args }),
  })
  onTestFinished(async () => {
    const cleaner = await Wire.open(t.url)
    await cleaner.channel(CH)
    await cleaner.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    await cleaner.close()
  })
  return q
}

describe('a length limit', () => {
  it('is looked at once consumers have got what came back', async () => {
    const w = await session(t)
    const q = await quorum(w, { 'x-max-length-bytes': 3 })
    await consume(w, q)
    w.publish(CH, { routingKey: q, body: 'too long' })
    const [first] = await deliveries(w, 1)
    w.send(CH, MethodId.BasicNack, { deliveryTag: first?.method.deliveryTag ?? 0, requeue: true })
    const [again] = await deliveries(w, 1)
    expect([String(again?.body), again?.method.redelivered]).toEqual(['too long', true])
  })
})

describe('delivery limit', () => {
  differs('RabbitMQ 3.10 takes -1 for a number')('is not needed for x-delivery-count', async () => {
    const w = await session(t)
    const q = await quorum(w, { 'x-delivery-limit': -1 })
    w.publish(CH, { routingKey: q, body: 'again' })
    await consume(w, q)
    for (const count of [0, 1, 2]) {
      const [d] = await deliveries(w, 1)
      expect(d?.properties?.headers?.integer('x-delivery-count') ?? 0).toBe(count)
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
    }
  })

  it('counts what comes back in x-delivery-count, and ends with a dead letter', async () => {
    const w = await session(t)
    const dlx = await declareExchange(w, 'fanout')
    const dead = await declareQueue(w)
    await bindQueue(w, dead, dlx)
    const q = await quorum(w, { 'x-delivery-limit': 2, 'x-dead-letter-exchange': dlx })
    w.publish(CH, { routingKey: q, body: 'poison', properties: { headers: table({ mine: 1 }) } })
    const consumerTag = (await w.call(CH, MethodId.BasicConsume, { queue: q }, MethodId.BasicConsumeOk))
      .consumerTag
    const seen: unknown[] = []
    for (let i = 0; i < 3; i++) {
      const [d] = await deliveries(w, 1)
      seen.push([
        String(d?.body),
        d?.properties?.headers?.toPlain()['x-delivery-count'] ?? 0,
        d?.method.redelivered,
      ])
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
    }
    expect(seen).toEqual([
      ['poison', 0, false],
      ['poison', 1, true],
      ['poison', 2, true],
    ])
    await holds(w, dead, 1)
    w.send(CH, MethodId.BasicGet, { queue: dead, noAck: true })
    const letter = await w.receive(CH, MethodId.BasicGetOk)
    const headers = letter.properties?.headers?.toPlain() ?? {}
    expect(headers['mine']).toBe(1)
    expect((headers['x-death'] as { reason: string }[])[0]).toMatchObject({
      reason: 'delivery_limit',
      queue: q,
      count: 1,
    })
    await w.call(CH, MethodId.BasicCancel, { consumerTag }, MethodId.BasicCancelOk)
  })

  differs('RabbitMQ has it on quorum queues only')('may be had on a classic queue', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-delivery-limit': 1 }) })
    w.publish(CH, { routingKey: q })
    await w.call(CH, MethodId.BasicConsume, { queue: q }, MethodId.BasicConsumeOk)
    for (let i = 0; i < 2; i++) {
      const [d] = await deliveries(w, 1)
      w.send(CH, MethodId.BasicNack, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
    }
    expect((await counts(w, q)).messages).toBe(0)
  })
})

describe('order', () => {
  it('gives out returned messages before others, in the order of their return', async () => {
    const w = await session(t)
    const q = await quorum(w, { 'x-delivery-limit': 5 })
    for (let i = 0; i < 4; i++) w.publish(CH, { routingKey: q, body: String(i) })
    await holds(w, q, 4)
    const tags: number[] = []
    for (let i = 0; i < 3; i++) {
      w.send(CH, MethodId.BasicGet, { queue: q })
      tags.push((await w.receive(CH, MethodId.BasicGetOk)).method.deliveryTag)
    }
    for (const i of [1, 0])
      w.send(CH, MethodId.BasicReject, { deliveryTag: tags[i] as number, requeue: true })
    await holds(w, q, 3)
    await w.call(CH, MethodId.BasicConsume, { queue: q }, MethodId.BasicConsumeOk)
    expect((await deliveries(w, 3)).map((d) => String(d.body))).toEqual(['1', '0', '3'])
  })
})

describe('what quorum queues refuse', () => {
  it('a shared prefetch', async () => {
    const w = await session(t)
    const queue = await quorum(w, {})
    const shared = (): Promise<unknown> =>
      w.call(CH, MethodId.BasicQos, { prefetchCount: 5, global: true }, MethodId.BasicQosOk)
    await shared()
    // Arguments come first.
    w.send(CH, MethodId.BasicConsume, { queue, arguments: table({ 'x-priority': 'high' }) })
    expect(await refused(w)).toEqual([406, expect.stringContaining(`invalid arg 'x-priority'`)])
    await shared()
    w.send(CH, MethodId.BasicConsume, { queue })
    const e = await w.connectionError()
    expect([e.code, e.text]).toEqual([
      540,
      `NOT_IMPLEMENTED - queue '${queue}' in vhost '/' does not support global qos`,
    ])
  })

  it('basic.get with a single active consumer', async () => {
    const w = await session(t)
    const queue = await quorum(w, { 'x-single-active-consumer': true })
    w.send(CH, MethodId.BasicGet, { queue })
    const e = await w.channelError(CH)
    await w.channel(CH)
    expect([e.code, e.text]).toEqual([
      405,
      `RESOURCE_LOCKED - cannot obtain access to locked queue '${queue}' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer`,
    ])
  })
})

describe('at-least-once dead lettering', () => {
  differs('RabbitMQ tries again after three minutes')(
    'keeps the message, unseen, until there is a queue to take it',
    async () => {
      const w = await session(t)
      const dlx = await declareExchange(w, 'fanout', { autoDelete: false, durable: true })
      const q = await quorum(w, {
        'x-dead-letter-exchange': dlx,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      })
      w.publish(CH, { routingKey: q, body: 'kept', properties: { deliveryMode: 2 } })
      await holds(w, q, 1)
      w.send(CH, MethodId.BasicGet, { queue: q })
      const got = await w.receive(CH, MethodId.BasicGetOk)
      w.send(CH, MethodId.BasicReject, { deliveryTag: got.method.deliveryTag, requeue: false })
      expect((await counts(w, q)).messages).toBe(0)
      const dead = await quorum(w, {})
      await bindQueue(w, dead, dlx)
      await holds(w, dead, 1)
      w.send(CH, MethodId.BasicGet, { queue: dead, noAck: true })
      const letter = await w.receive(CH, MethodId.BasicGetOk)
      expect([String(letter.body), letter.properties?.headers?.text('x-first-death-reason')]).toEqual([
        'kept',
        'rejected',
      ])
      await w.call(CH, MethodId.ExchangeDelete, { exchange: dlx }, MethodId.ExchangeDeleteOk)
    },
  )
})
