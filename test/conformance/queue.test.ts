import { describe, expect, it } from 'vitest'
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
import { differs, fresh, useTarget } from '../support/target.ts'
import { until } from '../support/until.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()
const LOCKED =
  'It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.'

describe('queue.declare', () => {
  it('names a queue by itself', async () => {
    const w = await session(t)
    const a = await w.call(CH, MethodId.QueueDeclare, { exclusive: true }, MethodId.QueueDeclareOk)
    expect(a.queue).toMatch(/^amq\.gen-[\w-]{22}$/)
    const b = await w.call(CH, MethodId.QueueDeclare, { exclusive: true }, MethodId.QueueDeclareOk)
    expect(b.queue).not.toBe(a.queue)
  })

  it('answers with the counts', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    for (const body of ['1', '2', '3']) w.publish(CH, { routingKey: q, body })
    await holds(w, q, 3)
    const m = await w.call(CH, MethodId.QueueDeclare, { queue: q, exclusive: true }, MethodId.QueueDeclareOk)
    expect(m).toMatchObject({ queue: q, messageCount: 3, consumerCount: 0 })
  })

  it('with a reserved name is 403, even where the queue exists', async () => {
    const w = await session(t)
    w.send(CH, MethodId.QueueDeclare, { queue: 'amq.mine' })
    expect(await refused(w)).toEqual([
      403,
      "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
    ])
    const { queue } = await w.call(CH, MethodId.QueueDeclare, { exclusive: true }, MethodId.QueueDeclareOk)
    w.send(CH, MethodId.QueueDeclare, { queue, exclusive: true })
    expect((await refused(w))[0]).toBe(403)
    await w.call(CH, MethodId.QueueDeclare, { queue, passive: true }, MethodId.QueueDeclareOk)
  })

  it.each([
    ['durable', { durable: true }, "received 'true' but current is 'false'"],
    ['auto_delete', { autoDelete: true }, "received 'true' but current is 'false'"],
  ])('again with another %s is 406', async (name, other, text) => {
    const w = await session(t)
    const q = await declareQueue(w, { exclusive: false })
    w.send(CH, MethodId.QueueDeclare, { queue: q, ...other })
    expect(await refused(w)).toEqual([
      406,
      `PRECONDITION_FAILED - inequivalent arg '${name}' for queue '${q}' in vhost '/': ${text}`,
    ])
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
  })

  it('again with another argument is 406, integer widths aside', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-message-ttl': 60000 }) })
    const declare = (args: Parameters<typeof table>[0]): void =>
      w.send(CH, MethodId.QueueDeclare, { queue: q, exclusive: true, arguments: table(args) })
    declare({ 'x-message-ttl': 60000n })
    await w.expect(CH, MethodId.QueueDeclareOk)
    declare({ 'x-message-ttl': 5000 })
    const what = `PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '${q}' in vhost '/': `
    expect(await refused(w)).toEqual([406, `${what}received '5000' but current is '60000'`])
    declare({})
    expect(await refused(w)).toEqual([
      406,
      `${what}received none but current is the value '60000' of type 'signedint'`,
    ])
    declare({ 'x-message-ttl': 60000, 'x-unknown': 'ignored' })
    await w.expect(CH, MethodId.QueueDeclareOk)
  })

  it('again with another type, or with several other arguments: 406 for the first that RabbitMQ looks at', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { exclusive: false, durable: true })
    const declare = async (args: Parameters<typeof table>[0]): Promise<unknown> => {
      w.send(CH, MethodId.QueueDeclare, { queue: q, durable: true, arguments: table(args) })
      return await refused(w)
    }
    const differs = (name: string, value: string, type: string): unknown => [
      406,
      expect.stringContaining(
        `inequivalent arg '${name}' for queue '${q}' in vhost '/': received the value '${value}' of type '${type}' but current is none`,
      ),
    ]
    expect(await declare({ 'x-queue-type': 'quorum' })).toEqual(differs('x-queue-type', 'quorum', 'longstr'))
    expect(await declare({ 'x-queue-type': 'quorum', 'x-max-length': 1 })).toEqual(
      differs('x-max-length', '1', 'signedint'),
    )
    expect(await declare({ 'x-max-length': 1, 'x-dead-letter-exchange': 'd', 'x-expires': 60_000 })).toEqual(
      differs('x-expires', '60000', 'signedint'),
    )
    w.send(CH, MethodId.QueueDeclare, {
      queue: q,
      durable: true,
      arguments: table({ 'x-queue-type': 'classic' }),
    })
    await w.expect(CH, MethodId.QueueDeclareOk)
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
  })

  it('exclusive: other connections get 405', async () => {
    const a = await session(t)
    const b = await session(t)
    const q = await declareQueue(a)
    const text = `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${q}' in vhost '/'. ${LOCKED}`
    const cut = text.length > 255 ? `${text.slice(0, 252)}...` : text
    b.send(CH, MethodId.QueueDeclare, { queue: q, exclusive: true })
    expect(await refused(b)).toEqual([405, cut])
    b.send(CH, MethodId.BasicGet, { queue: q })
    expect((await refused(b))[0]).toBe(405)
    b.send(CH, MethodId.BasicConsume, { queue: q })
    expect((await refused(b))[0]).toBe(405)
    b.send(CH, MethodId.QueuePurge, { queue: q })
    expect((await refused(b))[0]).toBe(405)
    b.send(CH, MethodId.QueueDelete, { queue: q })
    expect((await refused(b))[0]).toBe(405)
    b.publish(CH, { routingKey: q, body: 'open to all' })
    await holds(a, q, 1)
  })

  it('exclusive: the owner may declare it only as exclusive', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.send(CH, MethodId.QueueDeclare, { queue: q })
    expect((await refused(w))[0]).toBe(405)
  })

  it('an exclusive name is free at once when its connection is lost', async () => {
    const a = await session(t)
    const q = await declareQueue(a)
    a.socket.destroy()
    const b = await session(t)
    await until(async () => {
      b.send(CH, MethodId.QueueDeclare, { queue: q, exclusive: true })
      const r = await b.next(CH)
      if (r.method.id === MethodId.QueueDeclareOk) return true
      b.send(CH, MethodId.ChannelCloseOk)
      await b.channel(CH)
      return false
    }, 'the exclusive queue to go')
  })

  it('auto-delete: goes with its last consumer', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { exclusive: false, autoDelete: true })
    await get(w, q)
    const tag = await consume(w, q)
    await w.call(CH, MethodId.BasicCancel, { consumerTag: tag }, MethodId.BasicCancelOk)
    w.send(CH, MethodId.QueueDeclare, { queue: q, passive: true })
    expect((await refused(w))[0]).toBe(404)
  })

  it.each([
    [{ 'x-message-ttl': -1 }, "invalid arg 'x-message-ttl'"],
    [{ 'x-message-ttl': 'soon' }, "invalid arg 'x-message-ttl'"],
    [{ 'x-expires': 0 }, "invalid arg 'x-expires'"],
    [{ 'x-max-length': -5 }, "invalid arg 'x-max-length'"],
    [{ 'x-overflow': 'explode' }, "invalid arg 'x-overflow'"],
    [{ 'x-max-priority': 256 }, "invalid arg 'x-max-priority'"],
    [{ 'x-dead-letter-routing-key': 'k' }, "invalid arg 'x-dead-letter-routing-key'"],
    [{ 'x-queue-type': 'nosuch' }, "invalid arg 'x-queue-type'"],
  ])('%o is 406', async (args, text) => {
    const w = await session(t)
    w.send(CH, MethodId.QueueDeclare, { queue: fresh('q'), arguments: table(args) })
    const [code, actual] = await refused(w)
    expect(code).toBe(406)
    expect(actual).toContain(text)
  })

  it('quorum: accepted as a durable queue, refused as anything else', async () => {
    const w = await session(t)
    const args = table({ 'x-queue-type': 'quorum' })
    const q = await declareQueue(w, { exclusive: false, durable: true, arguments: args })
    w.publish(CH, { routingKey: q, body: 'q' })
    await holds(w, q, 1)
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    const name = fresh('q')
    for (const [fields, property] of [
      [{ durable: false }, 'non-durable'],
      [{ durable: true, autoDelete: true }, 'auto-delete'],
      [{ durable: true, exclusive: true }, 'exclusive-owner'],
    ] as const) {
      w.send(CH, MethodId.QueueDeclare, { queue: name, arguments: args, ...fields })
      expect(await refused(w)).toEqual([
        406,
        `PRECONDITION_FAILED - invalid property '${property}' for queue '${name}' in vhost '/'`,
      ])
    }
  })
})

describe('queue.declare:passive', () => {
  it('of a missing queue is 404', async () => {
    const w = await session(t)
    const q = fresh('q')
    w.send(CH, MethodId.QueueDeclare, { queue: q, passive: true })
    expect(await refused(w)).toEqual([404, `NOT_FOUND - no queue '${q}' in vhost '/'`])
  })
})

describe('the queue declared last', () => {
  it('is meant by an empty name', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct')
    const { queue } = await w.call(CH, MethodId.QueueDeclare, { exclusive: true }, MethodId.QueueDeclareOk)
    await bindQueue(w, '', x, '')
    w.publish(CH, { exchange: x, routingKey: queue, body: 'by its name' })
    expect(String((await get(w, ''))?.body)).toBe('by its name')
    await consume(w, '')
  })

  it('does not exist on a new channel: 404', async () => {
    const w = await session(t)
    w.send(CH, MethodId.QueuePurge, {})
    const [code, text] = await refused(w)
    expect(code).toBe(404)
    expect(text).toContain('no previously declared queue')
  })
})

describe('queue.bind', () => {
  it('twice is one binding', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct')
    const q = await declareQueue(w)
    await bindQueue(w, q, x, 'k')
    await bindQueue(w, q, x, 'k')
    w.publish(CH, { exchange: x, routingKey: 'k', body: '1' })
    expect(await get(w, q)).toBeDefined()
    expect(await get(w, q)).toBeUndefined()
  })

  it('reports a missing exchange before a missing queue', async () => {
    const w = await session(t)
    const [q, x] = [fresh('q'), fresh('x')]
    w.send(CH, MethodId.QueueBind, { queue: q, exchange: x })
    const [code, text] = await refused(w)
    expect(code).toBe(404)
    expect(text).toContain(`no exchange '${x}'`)
    w.send(CH, MethodId.QueueBind, { queue: q, exchange: 'amq.direct' })
    expect((await refused(w))[1]).toContain(`no queue '${q}'`)
  })

  it('to the default exchange is 403', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.send(CH, MethodId.QueueBind, { queue: q, exchange: '', routingKey: 'k' })
    expect((await refused(w))[0]).toBe(403)
  })
})

describe('queue.unbind', () => {
  it('ends the routing; a missing binding is fine', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await bindQueue(w, q, 'amq.topic', `${q}.#`)
    const fields = { queue: q, exchange: 'amq.topic', routingKey: `${q}.#` }
    await w.call(CH, MethodId.QueueUnbind, fields, MethodId.QueueUnbindOk)
    await w.call(CH, MethodId.QueueUnbind, fields, MethodId.QueueUnbindOk)
    w.publish(CH, { exchange: 'amq.topic', routingKey: `${q}.a` })
    expect(await get(w, q)).toBeUndefined()
  })
})

describe('queue.purge', () => {
  it('drops what is ready, not what is unacked', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    for (const body of ['1', '2', '3']) w.publish(CH, { routingKey: q, body })
    const got = await get(w, q, false)
    expect(await w.call(CH, MethodId.QueuePurge, { queue: q }, MethodId.QueuePurgeOk)).toMatchObject({
      messageCount: 2,
    })
    w.send(CH, MethodId.BasicNack, { deliveryTag: got?.method.deliveryTag ?? 0, requeue: true })
    expect(String((await get(w, q))?.body)).toBe('1')
  })

  it('of a missing queue is 404', async () => {
    const w = await session(t)
    const q = fresh('q')
    w.send(CH, MethodId.QueuePurge, { queue: q })
    expect(await refused(w)).toEqual([404, `NOT_FOUND - no queue '${q}' in vhost '/'`])
  })
})

describe('queue.delete', () => {
  it('counts what was ready; a missing queue counts 0', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.publish(CH, { routingKey: q })
    w.publish(CH, { routingKey: q })
    expect(await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)).toMatchObject({
      messageCount: 2,
    })
    expect(await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)).toMatchObject({
      messageCount: 0,
    })
  })

  it('if-unused and if-empty are kept: 406', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await consume(w, q, { noAck: false })
    w.send(CH, MethodId.QueueDelete, { queue: q, ifUnused: true })
    expect(await refused(w)).toEqual([406, `PRECONDITION_FAILED - queue '${q}' in vhost '/' in use`])
    w.publish(CH, { routingKey: q })
    w.send(CH, MethodId.QueueDelete, { queue: q, ifEmpty: true })
    expect(await refused(w)).toEqual([406, `PRECONDITION_FAILED - queue '${q}' in vhost '/' not empty`])
  })

  it('names the messages where both if-unused and if-empty are not kept', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    await consume(w, q)
    for (const body of ['one', 'two']) w.publish(CH, { routingKey: q, body })
    await deliveries(w, 1)
    await holds(w, q, 1)
    w.send(CH, MethodId.QueueDelete, { queue: q, ifUnused: true, ifEmpty: true })
    expect(await refused(w)).toEqual([406, `PRECONDITION_FAILED - queue '${q}' in vhost '/' not empty`])
  })

  it('tells consumers that asked for it', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    const tag = await consume(w, q)
    await w.channel(2)
    await w.call(2, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    expect(await w.expect(CH, MethodId.BasicCancel)).toMatchObject({ consumerTag: tag, nowait: true })
  })

  it('says nothing to consumers that did not', async () => {
    const w = await session(t, { capabilities: { consumer_cancel_notify: false } })
    const q = await declareQueue(w)
    await consume(w, q)
    await w.channel(2)
    await w.call(2, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
  })
})

/** Looking by a declare would count as use. */
async function hasGone(w: Wire, queue: string): Promise<boolean> {
  w.publish(CH, { routingKey: queue, mandatory: true })
  w.send(CH, MethodId.BasicQos, {})
  const r = await w.next(CH)
  if (r.method.id === MethodId.BasicQosOk) return false
  await w.expect(CH, MethodId.BasicQosOk)
  return true
}

describe('x-expires', () => {
  it('removes an unused queue', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { exclusive: false, arguments: table({ 'x-expires': 50 }) })
    await until(() => hasGone(w, q), 'the queue to expire')
  })

  differs('RabbitMQ looks at its own pace')('not one that has a consumer', async () => {
    const w = await session(t)
    // At once: it would be gone while the machine is busy.
    w.socket.cork()
    const declared = declareQueue(w, {
      exclusive: false,
      arguments: table({ 'x-expires': 20 }),
      queue: fresh('q'),
    })
    w.send(CH, MethodId.BasicConsume, { consumerTag: 'c' })
    w.socket.uncork()
    const [q, consumerTag] = [await declared, 'c']
    await w.expect(CH, MethodId.BasicConsumeOk)
    // One that nobody uses, and which began to wait later, is gone.
    const unused = await declareQueue(w, { exclusive: false, arguments: table({ 'x-expires': 40 }) })
    await until(() => hasGone(w, unused), 'the other queue to expire')
    expect((await counts(w, q)).consumers).toBe(1)
    await w.call(CH, MethodId.BasicCancel, { consumerTag }, MethodId.BasicCancelOk)
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
  })
})
