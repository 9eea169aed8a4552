import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  CH,
  consume,
  counts,
  declareQueue,
  deliveries,
  deliveriesAmong,
  fill,
  get,
  holds,
  otherThingsHappen,
  refused,
  session,
} from '../support/session.ts'
import { differs, fresh, useTarget } from '../support/target.ts'
import { table } from '../support/wire.ts'

const t = useTarget()

describe('basic.consume', () => {
  it('delivers what waits, in order, then what comes', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2')
    const tag = await consume(w, q, { noAck: true })
    w.publish(CH, { routingKey: q, body: '3' })
    const list = await deliveries(w, 3)
    expect(list.map((d) => String(d.body))).toEqual(['1', '2', '3'])
    expect(list.map((d) => d.method.deliveryTag)).toEqual([1, 2, 3])
    expect(list[0]?.method).toMatchObject({
      consumerTag: tag,
      redelivered: false,
      exchange: '',
      routingKey: q,
    })
  })

  it('makes up a tag', async () => {
    const w = await session(t)
    expect(await consume(w, await declareQueue(w))).toMatch(/^amq\.ctag-/)
  })

  it('with a wrong argument is told of that, where the queue is in exclusive use too', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.channel(2)
    await w.call(2, MethodId.BasicConsume, { queue: q, exclusive: true }, MethodId.BasicConsumeOk)
    w.send(CH, MethodId.BasicConsume, { queue: q, arguments: table({ 'x-priority': 'high' }) })
    expect(await refused(w)).toEqual([406, expect.stringContaining(`invalid arg 'x-priority'`)])
    w.send(CH, MethodId.BasicConsume, { queue: q })
    expect(await refused(w)).toEqual([403, expect.stringContaining('in exclusive use')])
  })

  it('with a tag in use is 530', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q, { consumerTag: 'mine' })
    w.send(CH, MethodId.BasicConsume, { queue: q, consumerTag: 'mine' })
    expect(await w.connectionError()).toMatchObject({
      code: 530,
      text: "NOT_ALLOWED - attempt to reuse consumer tag 'mine'",
    })
  })

  it('of a missing queue is 404', async () => {
    const w = await session(t)
    const q = fresh('q')
    w.send(CH, MethodId.BasicConsume, { queue: q })
    expect(await refused(w)).toEqual([404, `NOT_FOUND - no queue '${q}' in vhost '/'`])
  })

  it('exclusive keeps others out: 403', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q, { exclusive: true })
    await w.channel(2)
    w.send(2, MethodId.BasicConsume, { queue: q })
    const e = await w.channelError(2)
    expect([e.code, e.text]).toEqual([403, `ACCESS_REFUSED - queue '${q}' in vhost '/' in exclusive use`])
  })

  it('exclusive is refused where others consume: 403', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q)
    await w.channel(2)
    w.send(2, MethodId.BasicConsume, { queue: q, exclusive: true })
    expect((await w.channelError(2)).code).toBe(403)
  })

  it('shares fairly among consumers', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    const tags = [await consume(w, q, { consumerTag: 'a' }), await consume(w, q, { consumerTag: 'b' })]
    for (let i = 0; i < 10; i++) w.publish(CH, { routingKey: q, body: String(i) })
    const list = await deliveries(w, 10)
    for (const tag of tags) expect(list.filter((d) => d.method.consumerTag === tag)).toHaveLength(5)
  })

  it('serves the higher x-priority first, while it has credit', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 2 }, MethodId.BasicQosOk)
    await consume(w, q, { consumerTag: 'low' })
    await consume(w, q, { consumerTag: 'high', arguments: table({ 'x-priority': 10 }) })
    for (let i = 0; i < 3; i++) w.publish(CH, { routingKey: q, body: String(i) })
    const list = await deliveries(w, 3)
    expect(list.map((d) => d.method.consumerTag)).toEqual(['high', 'high', 'low'])
  })

  it('with an x-priority that is no number is 406', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.send(CH, MethodId.BasicConsume, { queue: q, arguments: table({ 'x-priority': 'high' }) })
    expect((await refused(w))[0]).toBe(406)
  })

  it('gives a higher priority nothing of what was published before', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q, { noAck: true, consumerTag: 'low' })
    for (const body of ['1', '2', '3']) w.publish(CH, { routingKey: q, body })
    const high = { noAck: true, consumerTag: 'high', arguments: table({ 'x-priority': 1 }) }
    w.send(CH, MethodId.BasicConsume, { queue: q, ...high })
    w.publish(CH, { routingKey: q, body: '4' })
    const to = (await deliveriesAmong(w, 4)).map((d) => d.method.consumerTag)
    expect(to).toEqual(['low', 'low', 'low', 'high'])
  })

  it('counts consumers', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q)
    await consume(w, q)
    expect((await counts(w, q)).consumers).toBe(2)
  })
})

describe('basic.cancel', () => {
  it('ends the deliveries; what is unacked stays with the channel', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    const consumerTag = await consume(w, q)
    w.publish(CH, { routingKey: q, body: '1' })
    await deliveries(w, 1)
    await w.call(CH, MethodId.BasicCancel, { consumerTag }, MethodId.BasicCancelOk)
    w.publish(CH, { routingKey: q, body: '2' })
    await holds(w, q, 1)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    expect(await counts(w, q)).toEqual({ messages: 1, consumers: 0 })
  })

  it('comes after what was published before it', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q, { noAck: true, consumerTag: 'first', arguments: table({ 'x-priority': 1 }) })
    await consume(w, q, { noAck: true, consumerTag: 'second' })
    for (const body of ['1', '2', '3']) w.publish(CH, { routingKey: q, body })
    w.send(CH, MethodId.BasicCancel, { consumerTag: 'first' })
    w.publish(CH, { routingKey: q, body: '4' })
    const to = (await deliveriesAmong(w, 4)).map((d) => d.method.consumerTag)
    expect(to).toEqual(['first', 'first', 'first', 'second'])
  })

  it('of an unknown tag is fine', async () => {
    const w = await session(t)
    expect(
      await w.call(CH, MethodId.BasicCancel, { consumerTag: 'who' }, MethodId.BasicCancelOk),
    ).toMatchObject({ consumerTag: 'who' })
  })
})

describe('basic.cancel-ok', () => {
  differs('RabbitMQ 3.10 answers 503')('from a client is accepted in silence', async () => {
    const w = await session(t)
    w.send(CH, MethodId.BasicCancelOk, { consumerTag: 'c' })
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
  })
})

describe('basic.get', () => {
  it('pulls one and counts the rest', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2')
    const m = await get(w, q)
    expect([String(m?.body), m?.method.messageCount]).toEqual(['1', 1])
  })

  it('names exchange and routing key of each message, also in queues that are long', async () => {
    const w = await session(t)
    const body = 'x'.repeat(2000)
    const queues = [await declareQueue(w), await declareQueue(w), await declareQueue(w)]
    // Long enough that the memory of one queue lies beside that of another.
    for (const q of queues) await fill(w, q, ...Array.from({ length: 100 }, () => body))
    for (const q of queues)
      for (let left = 99; left >= 0; left--) {
        w.send(CH, MethodId.BasicGet, { queue: q, noAck: true })
        const got = await w.receive(CH, MethodId.BasicGetOk)
        expect(got.method).toMatchObject({ exchange: '', routingKey: q, messageCount: left })
        expect(got.body?.length).toBe(body.length)
      }
  })

  it('shares the delivery tags with basic.consume', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3')
    expect((await get(w, q, true))?.method.deliveryTag).toBe(1)
    expect((await get(w, q, false))?.method.deliveryTag).toBe(2)
    await consume(w, q)
    expect((await deliveries(w, 1))[0]?.method.deliveryTag).toBe(3)
  })

  it('of a missing queue is 404', async () => {
    const w = await session(t)
    w.send(CH, MethodId.BasicGet, { queue: fresh('q') })
    expect((await refused(w))[0]).toBe(404)
  })
})

describe('basic.ack', () => {
  it('single and multiple', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3', '4')
    for (let i = 0; i < 4; i++) await get(w, q, false)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 2 })
    w.send(CH, MethodId.BasicAck, { deliveryTag: 3, multiple: true })
    await w.call(CH, MethodId.BasicRecover, { requeue: true }, MethodId.BasicRecoverOk)
    expect(await counts(w, q)).toMatchObject({ messages: 1 })
    expect(String((await get(w, q))?.body)).toBe('4')
  })

  it('multiple with tag 0 is everything', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2')
    await get(w, q, false)
    await get(w, q, false)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 0, multiple: true })
    w.send(CH, MethodId.BasicAck, { deliveryTag: 0, multiple: true })
    await w.call(CH, MethodId.BasicRecover, { requeue: true }, MethodId.BasicRecoverOk)
    expect(await counts(w, q)).toMatchObject({ messages: 0 })
  })

  it.each([
    ['unknown', 5, false],
    ['zero', 0, false],
    ['unknown multiple', 9, true],
  ])('an %s tag is 406', async (_what, deliveryTag, multiple) => {
    const w = await session(t)
    w.send(CH, MethodId.BasicAck, { deliveryTag, multiple })
    expect(await refused(w)).toEqual([406, `PRECONDITION_FAILED - unknown delivery tag ${deliveryTag}`])
  })

  it('twice is 406, and what was unacked goes back', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2')
    await get(w, q, false)
    await get(w, q, false)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    expect((await refused(w))[1]).toBe('PRECONDITION_FAILED - unknown delivery tag 1')
    expect(await counts(w, q)).toMatchObject({ messages: 1 })
  })

  it('of a delivery without acknowledgement is 406', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1')
    await get(w, q, true)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    expect((await refused(w))[0]).toBe(406)
  })
})

describe('basic.reject and basic.nack', () => {
  it('requeue puts a message back to its place, as redelivered', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3')
    await get(w, q, false)
    await get(w, q, false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: 2, requeue: true })
    w.send(CH, MethodId.BasicNack, { deliveryTag: 1, requeue: true })
    const list = [await get(w, q), await get(w, q), await get(w, q)]
    expect(list.map((m) => [String(m?.body), m?.method.redelivered])).toEqual([
      ['1', true],
      ['2', true],
      ['3', false],
    ])
  })

  it('nack multiple requeues all up to the tag', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3')
    for (let i = 0; i < 3; i++) await get(w, q, false)
    w.send(CH, MethodId.BasicNack, { deliveryTag: 2, multiple: true, requeue: true })
    await holds(w, q, 2)
    expect(String((await get(w, q))?.body)).toBe('1')
  })

  differs('RabbitMQ may have handed it over by then, or not').each([
    ['nack of all', MethodId.BasicNack, { deliveryTag: 0, multiple: true, requeue: true }],
    ['recover', MethodId.BasicRecover, { requeue: true }],
  ] as const)('%s does not mean what the client cannot have seen', async (_, id, fields) => {
    const w = await session(t)
    const [seen, q] = [await declareQueue(w), await declareQueue(w)]
    await fill(w, seen, '1')
    await get(w, seen, false)
    await consume(w, q)
    w.publish(CH, { routingKey: q, body: '2' })
    w.send(CH, id, fields)
    const [d] = await deliveriesAmong(w, 1)
    expect([String(d?.body), d?.method.redelivered]).toEqual(['2', false])
    w.send(CH, MethodId.BasicAck, { deliveryTag: d?.method.deliveryTag ?? 0 })
    await otherThingsHappen(w)
    expect(w.inbox.filter((r) => r.method.id !== MethodId.BasicRecoverOk)).toEqual([])
    w.inbox.length = 0
    await holds(w, seen, 1)
    expect((await counts(w, q)).messages).toBe(0)
  })

  it('without requeue the message is gone', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2')
    await get(w, q, false)
    await get(w, q, false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: 1, requeue: false })
    w.send(CH, MethodId.BasicNack, { deliveryTag: 2, requeue: false })
    await w.call(CH, MethodId.BasicRecover, { requeue: true }, MethodId.BasicRecoverOk)
    expect(await counts(w, q)).toMatchObject({ messages: 0 })
  })

  it('an unknown tag is 406', async () => {
    const w = await session(t)
    w.send(CH, MethodId.BasicReject, { deliveryTag: 3, requeue: true })
    expect((await refused(w))[1]).toBe('PRECONDITION_FAILED - unknown delivery tag 3')
    w.send(CH, MethodId.BasicNack, { deliveryTag: 4, requeue: true })
    expect((await refused(w))[1]).toBe('PRECONDITION_FAILED - unknown delivery tag 4')
  })
})

describe('basic.recover', () => {
  it('sends everything unacked again', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q)
    w.publish(CH, { routingKey: q, body: '1' })
    await deliveries(w, 1)
    w.send(CH, MethodId.BasicRecover, { requeue: true })
    const two = [await w.next(CH), await w.next(CH)]
    const again = two.find((r) => r.method.id === MethodId.BasicDeliver)
    expect(again?.method).toMatchObject({ redelivered: true, deliveryTag: 2 })
    expect(two.some((r) => r.method.id === MethodId.BasicRecoverOk)).toBe(true)
  })

  it('requeue=false is 540', async () => {
    const w = await session(t)
    w.send(CH, MethodId.BasicRecover, { requeue: false })
    expect(await w.connectionError()).toMatchObject({ code: 540, text: 'NOT_IMPLEMENTED - requeue=false' })
  })
})

describe('basic.recover-async', () => {
  it('does the same without an answer', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1')
    await get(w, q, false)
    w.send(CH, MethodId.BasicRecoverAsync, { requeue: true })
    await holds(w, q, 1)
  })
})
