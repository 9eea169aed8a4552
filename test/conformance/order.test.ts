/** In what order replies come, and what the server tells a client unasked. */
import { describe, expect, it } from 'vitest'
import { MethodId, methodNames } from '../../src/protocol/generated/constants.ts'
import { CH, confirmSelect, consume, declareQueue, deliveries, session } from '../support/session.ts'
import { differs, fresh, useTarget } from '../support/target.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()
const OTHER = 2

/** The names of the next methods of the channel. */
async function names(w: Wire, count: number, channel = CH): Promise<string[]> {
  const out: string[] = []
  for (let i = 0; i < count; i++) out.push(methodNames[(await w.next(channel)).method.id] ?? '?')
  return out
}

/** What has come on any channel, in order, up to and including `last`. */
async function everything(w: Wire, count: number): Promise<string[]> {
  await expect.poll(() => w.inbox.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count)
  return w.inbox.splice(0).map((r) => `${r.channel} ${methodNames[r.method.id]}`)
}

describe('queue.delete of a queue with consumers', () => {
  const quorum = { durable: true, exclusive: false, arguments: table({ 'x-queue-type': 'quorum' }) }
  const stream = { durable: true, exclusive: false, arguments: table({ 'x-queue-type': 'stream' }) }

  it.each([
    ['transient', { exclusive: false }],
    ['exclusive', { exclusive: true }],
    ['durable', { durable: true, exclusive: false }],
    ['quorum', quorum],
    ['stream', stream],
  ])('%s: basic.cancel comes behind queue.delete-ok', async (_, declaration) => {
    const w = await session(t)
    const q = await declareQueue(w, declaration)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    await consume(w, q)
    w.send(CH, MethodId.QueueDelete, { queue: q })
    expect(await names(w, 2)).toEqual(['queue.delete-ok', 'basic.cancel'])
  })

  it('all of the channel are told, in the order in which they came', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    for (const consumerTag of ['a', 'b', 'c']) await consume(w, q, { consumerTag })
    w.send(CH, MethodId.QueueDelete, { queue: q })
    expect(await names(w, 1)).toEqual(['queue.delete-ok'])
    for (const consumerTag of ['a', 'b', 'c'])
      expect(await w.expect(CH, MethodId.BasicCancel)).toMatchObject({ consumerTag })
  })

  it('a consumer that came without waiting for its reply is told too', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.send(CH, MethodId.BasicConsume, { queue: q, consumerTag: 'c', nowait: true })
    w.send(CH, MethodId.QueueDelete, { queue: q })
    expect(await names(w, 2)).toEqual(['queue.delete-ok', 'basic.cancel'])
  })

  it('with nowait there is only basic.cancel', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q)
    w.send(CH, MethodId.QueueDelete, { queue: q, nowait: true })
    expect(await names(w, 1)).toEqual(['basic.cancel'])
  })

  differs('RabbitMQ: either way round')('consumers on another channel are told after it too', async () => {
    const w = await session(t)
    await w.channel(OTHER)
    const q = await declareQueue(w)
    await w.call(OTHER, MethodId.BasicConsume, { queue: q }, MethodId.BasicConsumeOk)
    w.send(CH, MethodId.QueueDelete, { queue: q })
    expect(await everything(w, 2)).toEqual(['1 queue.delete-ok', '2 basic.cancel'])
  })

  it('consumers on another channel are told before anything that is asked for later', async () => {
    const w = await session(t)
    await w.channel(OTHER)
    const q = await declareQueue(w)
    await w.call(OTHER, MethodId.BasicConsume, { queue: q }, MethodId.BasicConsumeOk)
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    w.send(OTHER, MethodId.BasicQos, {})
    expect(await names(w, 2, OTHER)).toEqual(['basic.cancel', 'basic.qos-ok'])
  })

  it('consumers of other connections are told', async () => {
    const w = await session(t)
    const v = await session(t)
    const q = await declareQueue(w, { exclusive: false })
    await consume(w, q)
    await v.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    expect(await names(w, 1)).toEqual(['basic.cancel'])
  })
})

describe('basic.cancel', () => {
  it('of the last consumer of an auto-delete queue is answered once, without a notification', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { exclusive: false, autoDelete: true })
    await consume(w, q, { consumerTag: 'c' })
    await w.call(CH, MethodId.BasicCancel, { consumerTag: 'c' }, MethodId.BasicCancelOk)
    w.send(CH, MethodId.BasicQos, {})
    expect(await names(w, 1)).toEqual(['basic.qos-ok'])
  })

  it('what was published before is delivered before cancel-ok', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q, { consumerTag: 'c' })
    w.publish(CH, { routingKey: q, body: 'x' })
    w.send(CH, MethodId.BasicCancel, { consumerTag: 'c' })
    expect(await names(w, 2)).toEqual(['basic.deliver', 'basic.cancel-ok'])
  })
})

describe('basic.return', () => {
  const nobody = (w: Wire): void => w.publish(CH, { routingKey: fresh('nobody'), body: 'x', mandatory: true })

  it('comes before channel.close-ok', async () => {
    const w = await session(t)
    nobody(w)
    w.send(CH, MethodId.ChannelClose, {})
    expect(await names(w, 2)).toEqual(['basic.return', 'channel.close-ok'])
  })

  it('comes before the channel.close of a later error', async () => {
    const w = await session(t)
    nobody(w)
    w.publish(CH, { exchange: fresh('nosuch'), routingKey: '', body: 'x' })
    expect(await names(w, 2)).toEqual(['basic.return', 'channel.close'])
  })

  it('comes before tx.commit-ok', async () => {
    const w = await session(t)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    nobody(w)
    w.send(CH, MethodId.TxCommit, {})
    expect(await names(w, 2)).toEqual(['basic.return', 'tx.commit-ok'])
  })

  it('comes before the confirm of its message', async () => {
    const w = await session(t)
    await confirmSelect(w)
    nobody(w)
    expect(await names(w, 2)).toEqual(['basic.return', 'basic.ack'])
  })
})

describe('basic.ack of the server', () => {
  it('of a message for nobody comes before the next reply', async () => {
    const w = await session(t)
    await confirmSelect(w)
    w.publish(CH, { routingKey: fresh('nobody'), body: 'x' })
    w.send(CH, MethodId.BasicQos, {})
    expect(await names(w, 2)).toEqual(['basic.ack', 'basic.qos-ok'])
  })

  it('comes before channel.close-ok', async () => {
    const w = await session(t)
    await confirmSelect(w)
    w.publish(CH, { routingKey: fresh('nobody'), body: 'x' })
    w.send(CH, MethodId.ChannelClose, {})
    expect(await names(w, 2)).toEqual(['basic.ack', 'channel.close-ok'])
  })
})

describe('tx.commit', () => {
  const txSelect = (w: Wire): Promise<unknown> => w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)

  it.each([
    ['transient', {}, 1],
    ['durable', { durable: true, exclusive: false }, 2],
  ])('what a consumer of the channel gets of it comes before commit-ok: %s', async (_, declaration, mode) => {
    const w = await session(t)
    const q = await declareQueue(w, declaration)
    await consume(w, q)
    await txSelect(w)
    w.publish(CH, { routingKey: q, body: 'x', properties: { deliveryMode: mode } })
    w.send(CH, MethodId.TxCommit, {})
    expect(await names(w, 2)).toEqual(['basic.deliver', 'tx.commit-ok'])
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
  })

  it('what its acknowledgements make room for comes behind commit-ok', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    for (const body of ['a', 'b']) w.publish(CH, { routingKey: q, body })
    await consume(w, q)
    const [first] = await deliveries(w, 1)
    await txSelect(w)
    w.send(CH, MethodId.BasicAck, { deliveryTag: first?.method.deliveryTag ?? 0 })
    w.send(CH, MethodId.TxCommit, {})
    expect(await names(w, 2)).toEqual(['tx.commit-ok', 'basic.deliver'])
  })
})

describe('other replies', () => {
  it('basic.recover-ok comes before what is delivered again', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.publish(CH, { routingKey: q, body: 'x' })
    await consume(w, q)
    await deliveries(w, 1)
    w.send(CH, MethodId.BasicRecover, { requeue: true })
    expect(await names(w, 2)).toEqual(['basic.recover-ok', 'basic.deliver'])
  })

  it('basic.qos-ok comes before what a larger limit of the channel lets through', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    for (const body of ['a', 'b']) w.publish(CH, { routingKey: q, body })
    await consume(w, q)
    await deliveries(w, 1)
    w.send(CH, MethodId.BasicQos, { prefetchCount: 5, global: true })
    expect(await names(w, 2)).toEqual(['basic.qos-ok', 'basic.deliver'])
  })
})
