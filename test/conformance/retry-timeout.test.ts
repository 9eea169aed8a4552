/** What users ask for and RabbitMQ (3.10) does not have, or has otherwise: see the README's compatibility table. */
import { describe, expect } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  CH,
  consume,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  holds,
  refused,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { table } from '../support/wire.ts'

const t = useTarget()

describe('consumer timeout', () => {
  const own = differs('RabbitMQ closes the channel, and looks once a minute')

  own('returns the delivery that took too long, and nothing else', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-consumer-timeout': 100 }) })
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    await consume(w, q)
    w.publish(CH, { routingKey: q, body: 'slow' })
    const [first] = await deliveries(w, 1)
    const [again] = await deliveries(w, 1)
    expect([String(again?.body), again?.method.redelivered]).toEqual(['slow', true])
    // Too late, but no error: the channel goes on.
    w.send(CH, MethodId.BasicAck, { deliveryTag: first?.method.deliveryTag ?? 0 })
    w.send(CH, MethodId.BasicAck, { deliveryTag: again?.method.deliveryTag ?? 0 })
    w.publish(CH, { routingKey: q, body: 'next' })
    const [next] = await deliveries(w, 1)
    expect(String(next?.body)).toBe('next')
    w.send(CH, MethodId.BasicAck, { deliveryTag: next?.method.deliveryTag ?? 0 })
    expect((await counts(w, q)).messages).toBe(0)
  })

  own('may be the consumer’s own, which comes first', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-consumer-timeout': 3_600_000 }) })
    await consume(w, q, { arguments: table({ 'x-consumer-timeout': 60 }) })
    w.publish(CH, { routingKey: q })
    const seen = await deliveries(w, 3)
    expect(seen.map((d) => d.method.redelivered)).toEqual([false, true, true])
  })

  own('is a whole number', async () => {
    const w = await session(t)
    const queue = await declareQueue(w)
    w.send(CH, MethodId.BasicConsume, { queue, arguments: table({ 'x-consumer-timeout': 'soon' }) })
    const [code, text] = await refused(w)
    expect([code, text]).toEqual([406, expect.stringContaining('"expected integer, got longstr"')])
  })
})

describe('delayed retry', () => {
  const own = differs('RabbitMQ has it from 4.3 on')

  own('lets a message that comes back wait, the longer the oftener', async () => {
    const w = await session(t)
    const args = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 60, 'x-delayed-retry-max': 100 }
    const q = await declareQueue(w, { arguments: table(args) })
    await consume(w, q)
    w.publish(CH, { routingKey: q })
    const waits: number[] = []
    for (let i = 0; i < 3; i++) {
      const began = Date.now()
      const [d] = await deliveries(w, 1)
      waits.push(Date.now() - began)
      expect(d?.properties?.headers?.toPlain()['x-delivery-count'] ?? 0).toBe(i)
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
    }
    expect(waits[1]).toBeGreaterThanOrEqual(58)
    expect(waits[2]).toBeGreaterThanOrEqual(98)
    expect(await counts(w, q)).toEqual({ messages: 0, consumers: 1 })
  })

  own('can be for one of the two ways back only', async () => {
    const w = await session(t)
    const args = { 'x-delayed-retry-type': 'failed', 'x-delayed-retry-min': 3_600_000 }
    const q = await declareQueue(w, { arguments: table(args) })
    await consume(w, q)
    w.publish(CH, { routingKey: q })
    const [first] = await deliveries(w, 1)
    w.send(CH, MethodId.BasicNack, { deliveryTag: first?.method.deliveryTag ?? 0, requeue: true })
    const [second] = await deliveries(w, 1)
    w.send(CH, MethodId.BasicReject, { deliveryTag: second?.method.deliveryTag ?? 0, requeue: true })
    expect(await counts(w, q)).toEqual({ messages: 0, consumers: 1 })
    expect(w.inbox).toEqual([])
  })
})

describe('x-expire-anywhere', () => {
  const own = differs('RabbitMQ looks at the head only')

  own('drops messages whose time is over behind others', async () => {
    const w = await session(t)
    const dlx = await declareExchange(w, 'fanout')
    const dead = await declareQueue(w)
    await bindQueue(w, dead, dlx)
    const args = { 'x-expire-anywhere': true, 'x-dead-letter-exchange': dlx }
    const q = await declareQueue(w, { arguments: table(args) })
    const bodies = ['stays', 'goes', 'stays too', 'goes as well']
    for (const body of bodies)
      w.publish(CH, {
        routingKey: q,
        body,
        properties: body.startsWith('goes') ? { expiration: '40' } : { expiration: '3600000' },
      })
    await holds(w, q, 2)
    expect([String((await get(w, q))?.body), String((await get(w, q))?.body)]).toEqual(['stays', 'stays too'])
    expect([String((await get(w, dead))?.body), String((await get(w, dead))?.body)]).toEqual([
      'goes',
      'goes as well',
    ])
  })

  own('works with priorities and with messages that came back', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-expire-anywhere': true, 'x-max-priority': 5 }) })
    for (const priority of [0, 5, 3])
      w.publish(CH, {
        routingKey: q,
        properties: { priority, expiration: priority === 3 ? '3600000' : '1000' },
      })
    const held = await get(w, q, false)
    w.send(CH, MethodId.BasicNack, { deliveryTag: held?.method.deliveryTag ?? 0, requeue: true })
    expect((await counts(w, q)).messages).toBe(3)
    await holds(w, q, 1)
    expect((await get(w, q))?.properties?.priority).toBe(3)
  })
})
