import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bodies,
  CH,
  consume,
  type Delivered,
  declareQueue,
  deliveries,
  fill,
  otherThingsHappen,
  session,
} from '../support/session.ts'
import { useTarget } from '../support/target.ts'
import type { Wire } from '../support/wire.ts'
import { table } from '../support/wire.ts'

const t = useTarget()

/** Takes and acknowledges deliveries one after the other; returns how many there were of each kind. */
async function oneByOne(
  w: Wire,
  count: number,
  kind: (d: Delivered) => string,
): Promise<Record<string, number>> {
  const got: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const [d] = await deliveries(w, 1)
    const k = kind(d as Delivered)
    got[k] = (got[k] ?? 0) + 1
    w.send(CH, MethodId.BasicAck, { deliveryTag: d?.method.deliveryTag ?? 0 })
  }
  return got
}

describe('basic.qos', () => {
  it('global=false: a limit for each consumer to come', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3', '4', '5')
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 2 }, MethodId.BasicQosOk)
    await consume(w, q)
    expect(await bodies(w, 2)).toEqual(['1', '2'])
    await otherThingsHappen(w)
    expect(w.inbox).toEqual([])
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    expect(await bodies(w, 1)).toEqual(['3'])
    w.send(CH, MethodId.BasicAck, { deliveryTag: 3, multiple: true })
    expect(await bodies(w, 2)).toEqual(['4', '5'])
  })

  it('global=true: one limit shared by the consumers of the channel', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 3, global: true }, MethodId.BasicQosOk)
    await consume(w, q)
    await consume(w, q)
    for (const body of ['1', '2', '3', '4']) w.publish(CH, { routingKey: q, body })
    expect(await bodies(w, 3)).toEqual(['1', '2', '3'])
    await otherThingsHappen(w)
    expect(w.inbox).toEqual([])
    w.send(CH, MethodId.BasicAck, { deliveryTag: 2 })
    expect(await bodies(w, 1)).toEqual(['4'])
  })

  it('global=true takes effect at once', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3')
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    await consume(w, q)
    expect(await bodies(w, 1)).toEqual(['1'])
    w.send(CH, MethodId.BasicQos, { prefetchCount: 0, global: true })
    const rest = [await w.next(CH), await w.next(CH), await w.next(CH)]
    expect(rest.filter((r) => r.method.id === MethodId.BasicDeliver).map((r) => String(r.body))).toEqual([
      '2',
      '3',
    ])
  })

  it('global=false lifts a shared limit, at once', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3')
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    await consume(w, q)
    expect(await bodies(w, 1)).toEqual(['1'])
    w.send(CH, MethodId.BasicQos, { prefetchCount: 1 })
    const rest = [await w.next(CH), await w.next(CH), await w.next(CH)]
    expect(rest.filter((r) => r.method.id === MethodId.BasicDeliver).map((r) => String(r.body))).toEqual([
      '2',
      '3',
    ])
  })

  it('global=true comes on top of the limits of consumers', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3', '4')
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 2 }, MethodId.BasicQosOk)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 3, global: true }, MethodId.BasicQosOk)
    await consume(w, q)
    expect(await bodies(w, 2)).toEqual(['1', '2'])
    await consume(w, q)
    expect(await bodies(w, 1)).toEqual(['3'])
    await otherThingsHappen(w)
    expect(w.inbox).toEqual([])
  })

  it('global=true, once they are there, is not for consumers of quorum queues', async () => {
    const w = await session(t)
    const args = table({ 'x-queue-type': 'quorum' })
    const quorum = await declareQueue(w, { durable: true, exclusive: false, arguments: args })
    const q = await declareQueue(w)
    await consume(w, quorum)
    await consume(w, q)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    for (const body of ['1', '2']) w.publish(CH, { routingKey: quorum, body })
    expect(await bodies(w, 2)).toEqual(['1', '2'])
    for (const body of ['3', '4']) w.publish(CH, { routingKey: q, body })
    expect(await bodies(w, 1)).toEqual(['3'])
    await otherThingsHappen(w)
    expect(w.inbox).toEqual([])
    w.send(CH, MethodId.QueueDelete, { queue: quorum })
  })

  it('does not hold back no-ack consumers', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    await consume(w, q, { noAck: true })
    for (const body of ['1', '2', '3']) w.publish(CH, { routingKey: q, body })
    expect(await bodies(w, 3)).toEqual(['1', '2', '3'])
  })

  it('prefetch-size is 540', async () => {
    const w = await session(t)
    w.send(CH, MethodId.BasicQos, { prefetchSize: 100 })
    expect(await w.connectionError()).toMatchObject({
      code: 540,
      text: 'NOT_IMPLEMENTED - prefetch_size!=0 (100)',
    })
  })

  it('global=true: consumers of one queue take turns', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    await consume(w, q, { consumerTag: 'a' })
    await consume(w, q, { consumerTag: 'b' })
    for (let i = 0; i < 6; i++) w.publish(CH, { routingKey: q })
    expect(await oneByOne(w, 6, (d) => d.method.consumerTag)).toEqual({ a: 3, b: 3 })
  })

  it('global=true: no queue is left behind', async () => {
    const w = await session(t)
    const queues = [await declareQueue(w), await declareQueue(w), await declareQueue(w)]
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    for (const q of queues) await consume(w, q)
    for (const q of queues) for (let i = 0; i < 40; i++) w.publish(CH, { routingKey: q })
    const got = await oneByOne(w, 60, (d) => d.method.routingKey)
    expect(Object.keys(got).sort()).toEqual([...queues].sort())
  })

  it('global=true holds back no-ack consumers too, without counting theirs', async () => {
    const w = await session(t)
    const [a, b] = [await declareQueue(w), await declareQueue(w)]
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    await consume(w, a)
    await consume(w, b, { noAck: true })
    w.publish(CH, { routingKey: a, body: 'a' })
    expect(await bodies(w, 1)).toEqual(['a'])
    for (const body of ['1', '2', '3']) w.publish(CH, { routingKey: b, body })
    await otherThingsHappen(w)
    expect(w.inbox).toEqual([])
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    expect(await bodies(w, 3)).toEqual(['1', '2', '3'])
  })

  it('global=true does not hold back direct replies', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    await consume(w, 'amq.rabbitmq.reply-to', { noAck: true, consumerTag: 'replies' })
    await consume(w, q, { consumerTag: 'requests' })
    w.publish(CH, { routingKey: q, body: 'ask', properties: { replyTo: 'amq.rabbitmq.reply-to' } })
    const [request] = await deliveries(w, 1)
    w.publish(CH, { routingKey: request?.properties?.replyTo ?? '', body: 'answer' })
    expect(await bodies(w, 1)).toEqual(['answer'])
  })
})
