import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bodies,
  CH,
  consume,
  counts,
  declareQueue,
  deliveries,
  get,
  holds,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()

async function fill(w: Wire, q: string, list: [body: string, priority?: number][]): Promise<void> {
  for (const [body, priority] of list) w.publish(CH, { routingKey: q, body, properties: { priority } })
  await holds(w, q, list.length)
}

describe('x-max-priority', () => {
  it('delivers higher priorities first, each in order; none counts as 0, above the maximum as the maximum', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-priority': 5 }) })
    await fill(w, q, [['none'], ['two', 2], ['five', 5], ['zero', 0], ['nine', 9], ['two again', 2]])
    await consume(w, q, { noAck: true })
    expect(await bodies(w, 6)).toEqual(['five', 'nine', 'two', 'two again', 'none', 'zero'])
  })

  it('puts what comes back to its place in its level', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-priority': 3 }) })
    await fill(w, q, [
      ['low 1', 0],
      ['high 1', 3],
      ['high 2', 3],
      ['low 2', 0],
    ])
    for (let i = 0; i < 3; i++) await get(w, q, false)
    w.send(CH, MethodId.BasicNack, { deliveryTag: 3, requeue: true })
    w.send(CH, MethodId.BasicNack, { deliveryTag: 1, requeue: true })
    w.send(CH, MethodId.BasicAck, { deliveryTag: 2 })
    await holds(w, q, 3)
    await consume(w, q, { noAck: true })
    expect(await bodies(w, 3)).toEqual(['high 1', 'low 1', 'low 2'])
  })

  it('drops the head of the highest level first where the queue is full', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-priority': 3, 'x-max-length': 2 }) })
    for (const [body, priority] of [
      ['high', 3],
      ['low', 0],
      ['lower', 0],
    ] as const)
      w.publish(CH, { routingKey: q, body, properties: { priority } })
    await holds(w, q, 2)
    await consume(w, q, { noAck: true })
    expect(await bodies(w, 2)).toEqual(['low', 'lower'])
  })

  it('is purged whole', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-priority': 3 }) })
    await fill(w, q, [
      ['a', 0],
      ['b', 3],
    ])
    expect(await w.call(CH, MethodId.QueuePurge, { queue: q }, MethodId.QueuePurgeOk)).toMatchObject({
      messageCount: 2,
    })
  })
})

describe('x-single-active-consumer', () => {
  const single = { arguments: table({ 'x-single-active-consumer': true }) }

  it('gives everything to the first, and then to the next', async () => {
    const w = await session(t)
    const q = await declareQueue(w, single)
    await consume(w, q, { consumerTag: 'first', noAck: true })
    await consume(w, q, { consumerTag: 'second', noAck: true })
    for (let i = 0; i < 4; i++) w.publish(CH, { routingKey: q, body: String(i) })
    expect((await deliveries(w, 4)).map((d) => d.method.consumerTag)).toEqual(Array(4).fill('first'))
    await w.call(CH, MethodId.BasicCancel, { consumerTag: 'first' }, MethodId.BasicCancelOk)
    w.publish(CH, { routingKey: q, body: 'next' })
    expect((await deliveries(w, 1))[0]?.method.consumerTag).toBe('second')
    expect((await counts(w, q)).consumers).toBe(1)
  })

  differs('RabbitMQ waits for the next event of the queue')(
    'goes to the next at once with what is ready, while the first still holds a delivery',
    async () => {
      const w = await session(t)
      const q = await declareQueue(w, single)
      await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
      await consume(w, q, { consumerTag: 'first' })
      await consume(w, q, { consumerTag: 'second' })
      for (const body of ['1', '2']) w.publish(CH, { routingKey: q, body })
      await deliveries(w, 1)
      await holds(w, q, 1)
      await w.call(CH, MethodId.BasicCancel, { consumerTag: 'first' }, MethodId.BasicCancelOk)
      const [two] = await deliveries(w, 1)
      expect([two?.method.consumerTag, String(two?.body)]).toEqual(['second', '2'])
    },
  )

  it('does not pass on what the active one has no credit for', async () => {
    const w = await session(t)
    const q = await declareQueue(w, single)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    await consume(w, q, { consumerTag: 'first' })
    await consume(w, q, { consumerTag: 'second' })
    for (const body of ['1', '2']) w.publish(CH, { routingKey: q, body })
    const [one] = await deliveries(w, 1)
    await holds(w, q, 1)
    w.send(CH, MethodId.BasicAck, { deliveryTag: one?.method.deliveryTag ?? 0 })
    expect((await deliveries(w, 1))[0]?.method).toMatchObject({ consumerTag: 'first', deliveryTag: 2 })
  })

  describe('of a quorum queue', () => {
    const own = differs('RabbitMQ has it from 4.0 on')
    const args = table({ 'x-single-active-consumer': true, 'x-queue-type': 'quorum' })
    const quorum = { exclusive: false, durable: true, arguments: args }

    own('is taken over by a higher priority, once what it has is settled', async () => {
      const w = await session(t)
      const q = await declareQueue(w, quorum)
      await w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
      await consume(w, q, { consumerTag: 'first' })
      for (const body of ['1', '2']) w.publish(CH, { routingKey: q, body })
      await deliveries(w, 2)
      await consume(w, q, { consumerTag: 'high', arguments: table({ 'x-priority': 5 }) })
      await consume(w, q, { consumerTag: 'low', arguments: table({ 'x-priority': -5 }) })
      await consume(w, q, { consumerTag: 'higher', arguments: table({ 'x-priority': 7 }) })
      w.publish(CH, { routingKey: q, body: '3' })
      w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
      expect((await counts(w, q)).messages).toBe(1)
      expect(w.inbox).toEqual([])
      w.send(CH, MethodId.BasicAck, { deliveryTag: 2 })
      expect((await deliveries(w, 1))[0]?.method).toMatchObject({ consumerTag: 'higher', deliveryTag: 3 })
      await w.call(CH, MethodId.BasicCancel, { consumerTag: 'higher' }, MethodId.BasicCancelOk)
      w.publish(CH, { routingKey: q, body: '4' })
      expect((await deliveries(w, 1))[0]?.method.consumerTag).toBe('high')
      w.send(CH, MethodId.QueueDelete, { queue: q, nowait: true })
    })

    own('goes on where the one that would take over goes first', async () => {
      const w = await session(t)
      const q = await declareQueue(w, quorum)
      await consume(w, q, { consumerTag: 'first' })
      w.publish(CH, { routingKey: q })
      await deliveries(w, 1)
      await consume(w, q, { consumerTag: 'high', arguments: table({ 'x-priority': 5 }) })
      w.publish(CH, { routingKey: q })
      expect((await counts(w, q)).messages).toBe(1)
      await w.call(CH, MethodId.BasicCancel, { consumerTag: 'high' }, MethodId.BasicCancelOk)
      expect((await deliveries(w, 1))[0]?.method.consumerTag).toBe('first')
      w.send(CH, MethodId.QueueDelete, { queue: q, nowait: true })
    })
  })

  it('of a classic queue stays, whatever priority comes', async () => {
    const w = await session(t)
    const q = await declareQueue(w, single)
    await consume(w, q, { consumerTag: 'first', noAck: true })
    await consume(w, q, { consumerTag: 'high', noAck: true, arguments: table({ 'x-priority': 5 }) })
    w.publish(CH, { routingKey: q })
    expect((await deliveries(w, 1))[0]?.method.consumerTag).toBe('first')
  })

  it('refuses an exclusive consumer: 403', async () => {
    const w = await session(t)
    const q = await declareQueue(w, single)
    w.send(CH, MethodId.BasicConsume, { queue: q, exclusive: true })
    expect(await w.channelError(CH)).toMatchObject({
      code: 403,
      text: `ACCESS_REFUSED - queue '${q}' in vhost '/' in exclusive use`,
    })
  })
})
