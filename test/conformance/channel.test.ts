import { describe, expect, it } from 'vitest'
import { MethodId, methodNames } from '../../src/protocol/generated/constants.ts'
import { CH, confirmSelect, consume, counts, declareQueue, deliveries, session } from '../support/session.ts'
import { fresh, useTarget } from '../support/target.ts'
import { Wire } from '../support/wire.ts'

const t = useTarget()

describe('channel.open', () => {
  it('a second time is 504', async () => {
    const w = await session(t)
    w.send(CH, MethodId.ChannelOpen)
    expect(await w.connectionError()).toMatchObject({
      code: 504,
      text: "CHANNEL_ERROR - second 'channel.open' seen",
    })
  })

  it('is due before anything else: 504', async () => {
    const w = await session(t)
    w.send(7, MethodId.BasicQos)
    expect(await w.connectionError()).toMatchObject({
      code: 504,
      text: "CHANNEL_ERROR - expected 'channel.open'",
    })
  })

  it('beyond channel_max is 530; the numbers do not matter', async () => {
    const w = await Wire.open(t.url, { channelMax: 2 })
    await w.channel(1)
    await w.channel(2)
    w.send(3, MethodId.ChannelOpen)
    const e = await w.connectionError()
    expect(e.code).toBe(530)
    expect(e.text).toMatch(/channel_max \(2\)/)
  })

  it('reuses a number as soon as the channel is closed', async () => {
    const w = await session(t)
    for (let i = 0; i < 100; i++) {
      await w.call(2, MethodId.ChannelOpen, {}, MethodId.ChannelOpenOk)
      await w.call(2, MethodId.ChannelClose, {}, MethodId.ChannelCloseOk)
    }
  })
})

describe('channel.close', () => {
  it('gives unacked messages back', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.channel(2)
    w.publish(CH, { routingKey: q, body: 'a' })
    await w.call(2, MethodId.BasicConsume, { queue: q }, MethodId.BasicConsumeOk)
    await w.receive(2, MethodId.BasicDeliver)
    await w.call(2, MethodId.ChannelClose, {}, MethodId.ChannelCloseOk)
    await consume(w, q)
    const [d] = await deliveries(w, 1)
    expect(d?.method.redelivered).toBe(true)
  })
})

describe('channel.close-ok', () => {
  it('frees the number after an error; what came in between is ignored', async () => {
    const w = await session(t)
    w.send(CH, MethodId.QueueDeclare, { queue: fresh('none'), passive: true })
    w.publish(CH, { routingKey: 'lost', body: 'x' })
    w.send(CH, MethodId.QueueDeclare, { exclusive: true })
    expect((await w.channelError(CH)).code).toBe(404)
    await w.channel(CH)
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
  })

  it('names the method that failed', async () => {
    const w = await session(t)
    w.send(CH, MethodId.QueueDeclare, { queue: fresh('none'), passive: true })
    expect(await w.channelError(CH)).toMatchObject({ classId: 50, methodId: 10 })
  })

  it('confirms already earned come before the close', async () => {
    const w = await session(t)
    await confirmSelect(w)
    w.publish(CH, { routingKey: fresh('nobody'), body: 'a' })
    w.publish(CH, { exchange: fresh('none') })
    expect((await w.expect(CH, MethodId.BasicAck)).deliveryTag).toBe(1)
    expect((await w.channelError(CH)).code).toBe(404)
  })
})

describe('channel.flow', () => {
  it('active=true is answered', async () => {
    const w = await session(t)
    expect(await w.call(CH, MethodId.ChannelFlow, { active: true }, MethodId.ChannelFlowOk)).toMatchObject({
      active: true,
    })
  })

  it('active=false is 540', async () => {
    const w = await session(t)
    w.send(CH, MethodId.ChannelFlow, { active: false })
    expect(await w.connectionError()).toMatchObject({ code: 540, text: 'NOT_IMPLEMENTED - active=false' })
  })
})

describe('channel.flow-ok', () => {
  it('answers nothing that the server asks: 503', async () => {
    const w = await session(t)
    w.send(CH, MethodId.ChannelFlowOk, { active: true })
    expect((await w.connectionError()).code).toBe(503)
  })
})

describe('access.request', () => {
  it('is answered with ticket 1', async () => {
    const w = await session(t)
    const fields = { realm: '/data', active: true, write: true, read: true }
    expect(await w.call(CH, MethodId.AccessRequest, fields, MethodId.AccessRequestOk)).toMatchObject({
      ticket: 1,
    })
  })
})

describe('pipelining', () => {
  it('answers in the order of the methods', async () => {
    const w = await session(t)
    const q = fresh('q')
    w.send(CH, MethodId.QueueDeclare, { queue: q, exclusive: true, durable: true })
    w.send(CH, MethodId.BasicConsume, { queue: q, consumerTag: 'c', noAck: true })
    for (let i = 0; i < 3; i++) w.publish(CH, { routingKey: q, body: String(i) })
    w.send(CH, MethodId.BasicQos, {})
    await w.expect(CH, MethodId.QueueDeclareOk)
    const seen = []
    for (let i = 0; i < 5; i++) seen.push((await w.next(CH)).method)
    const names = seen.filter((m) => m.id !== MethodId.BasicQosOk).map((m) => methodNames[m.id])
    expect(names).toEqual(['basic.consume-ok', 'basic.deliver', 'basic.deliver', 'basic.deliver'])
    expect((await counts(w, q)).messages).toBe(0)
  })
})
