import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { bindQueue, CH, declareExchange, declareQueue, get, refused, session } from '../support/session.ts'
import { differs, fresh, useTarget } from '../support/target.ts'
import { until } from '../support/until.ts'
import { table } from '../support/wire.ts'

const t = useTarget()

describe('exchange.declare', () => {
  it('again with the same properties is fine', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'fanout')
    await declareExchange(w, 'fanout', { exchange: x })
  })

  it.each([
    ['type', { type: 'fanout' }, "received 'fanout' but current is 'direct'"],
    ['durable', { durable: true }, "received 'true' but current is 'false'"],
    ['auto_delete', { autoDelete: false }, "received 'false' but current is 'true'"],
    ['internal', { internal: true }, "received 'true' but current is 'false'"],
  ])('again with another %s is 406', async (name, other, text) => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct')
    w.send(CH, MethodId.ExchangeDeclare, { exchange: x, type: 'direct', autoDelete: true, ...other })
    expect(await refused(w)).toEqual([
      406,
      `PRECONDITION_FAILED - inequivalent arg '${name}' for exchange '${x}' in vhost '/': ${text}`,
    ])
  })

  it('with another alternate exchange is 406', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct', { arguments: table({ 'alternate-exchange': 'a' }) })
    w.send(CH, MethodId.ExchangeDeclare, {
      exchange: x,
      type: 'direct',
      autoDelete: true,
      arguments: table({ 'alternate-exchange': 'b' }),
    })
    expect(await refused(w)).toEqual([
      406,
      `PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '${x}' in vhost '/': received 'b' but current is 'a'`,
    ])
  })

  it('of an unknown type is refused', async () => {
    const w = await session(t)
    w.send(CH, MethodId.ExchangeDeclare, { exchange: fresh('x'), type: 'nosuch' })
    // For the channel or, in RabbitMQ 3.10, for the connection.
    await until(() => w.inbox.length > 0, 'the answer')
    expect(w.inbox[0]?.method).toMatchObject({
      replyText: expect.stringContaining("unknown exchange type 'nosuch'"),
    })
  })

  it.each([false, true])('of the default exchange is 403, passive: %s', async (passive) => {
    const w = await session(t)
    w.send(CH, MethodId.ExchangeDeclare, { exchange: '', type: 'direct', durable: true, passive })
    expect(await refused(w)).toEqual([
      403,
      'ACCESS_REFUSED - operation not permitted on the default exchange',
    ])
  })

  it('with a reserved name is 403, but a predeclared one may be redeclared', async () => {
    const w = await session(t)
    w.send(CH, MethodId.ExchangeDeclare, { exchange: 'amq.mine', type: 'direct' })
    expect(await refused(w)).toEqual([
      403,
      "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
    ])
    await w.call(
      CH,
      MethodId.ExchangeDeclare,
      { exchange: 'amq.direct', type: 'direct', durable: true },
      MethodId.ExchangeDeclareOk,
    )
  })

  it('strips line breaks from the name', async () => {
    const w = await session(t)
    const x = fresh('x')
    await declareExchange(w, 'direct', { exchange: `${x}\r\n` })
    await w.call(
      CH,
      MethodId.ExchangeDeclare,
      { exchange: x, passive: true, type: '' },
      MethodId.ExchangeDeclareOk,
    )
  })

  it('with nowait is not answered', async () => {
    const w = await session(t)
    const x = fresh('x')
    w.send(CH, MethodId.ExchangeDeclare, { exchange: x, type: 'direct', nowait: true, autoDelete: true })
    await w.call(
      CH,
      MethodId.ExchangeDeclare,
      { exchange: x, passive: true, type: 'direct' },
      MethodId.ExchangeDeclareOk,
    )
  })
})

describe('exchange.declare:passive', () => {
  it('finds an exchange whatever the type given', async () => {
    const w = await session(t)
    await w.call(
      CH,
      MethodId.ExchangeDeclare,
      { exchange: 'amq.topic', type: 'direct', passive: true },
      MethodId.ExchangeDeclareOk,
    )
  })

  it('of a missing one is 404', async () => {
    const w = await session(t)
    const x = fresh('x')
    w.send(CH, MethodId.ExchangeDeclare, { exchange: x, type: 'direct', passive: true })
    expect(await refused(w)).toEqual([404, `NOT_FOUND - no exchange '${x}' in vhost '/'`])
  })
})

describe('exchange.delete', () => {
  it('of a missing one is fine', async () => {
    const w = await session(t)
    await w.call(CH, MethodId.ExchangeDelete, { exchange: fresh('x') }, MethodId.ExchangeDeleteOk)
  })

  it('of a predeclared one is 403', async () => {
    const w = await session(t)
    w.send(CH, MethodId.ExchangeDelete, { exchange: 'amq.direct' })
    const [code, text] = await refused(w)
    expect(code).toBe(403)
    expect(text).toMatch(/^ACCESS_REFUSED - /)
  })

  it('if-unused with a binding is 406', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct')
    await bindQueue(w, await declareQueue(w), x, 'k')
    w.send(CH, MethodId.ExchangeDelete, { exchange: x, ifUnused: true })
    expect(await refused(w)).toEqual([406, `PRECONDITION_FAILED - exchange '${x}' in vhost '/' in use`])
    await w.call(CH, MethodId.ExchangeDelete, { exchange: x }, MethodId.ExchangeDeleteOk)
  })

  it('auto-delete: goes with its last binding', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct')
    const q = await declareQueue(w)
    await bindQueue(w, q, x, 'k')
    await w.call(CH, MethodId.QueueUnbind, { queue: q, exchange: x, routingKey: 'k' }, MethodId.QueueUnbindOk)
    w.send(CH, MethodId.ExchangeDeclare, { exchange: x, type: 'direct', passive: true })
    expect((await refused(w))[0]).toBe(404)
  })

  it('auto-delete cascades when its queue goes', async () => {
    const w = await session(t)
    const outer = await declareExchange(w, 'fanout')
    const inner = await declareExchange(w, 'fanout')
    const q = await declareQueue(w)
    await w.call(CH, MethodId.ExchangeBind, { source: outer, destination: inner }, MethodId.ExchangeBindOk)
    await bindQueue(w, q, inner)
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    for (const x of [inner, outer]) {
      w.send(CH, MethodId.ExchangeDeclare, { exchange: x, type: 'fanout', passive: true })
      expect((await refused(w))[0]).toBe(404)
    }
  })
})

describe('exchange.bind', () => {
  it('routes through exchanges, cycles included, once a queue', async () => {
    const w = await session(t)
    const a = await declareExchange(w, 'fanout')
    const b = await declareExchange(w, 'fanout')
    const q = await declareQueue(w)
    await w.call(CH, MethodId.ExchangeBind, { source: a, destination: b }, MethodId.ExchangeBindOk)
    await w.call(CH, MethodId.ExchangeBind, { source: b, destination: a }, MethodId.ExchangeBindOk)
    await bindQueue(w, q, a)
    await bindQueue(w, q, b)
    w.publish(CH, { exchange: a, body: 'once' })
    expect(String((await get(w, q))?.body)).toBe('once')
    expect(await get(w, q)).toBeUndefined()
  })

  it('with the default exchange is 403', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'fanout')
    w.send(CH, MethodId.ExchangeBind, { source: '', destination: x })
    expect((await refused(w))[0]).toBe(403)
  })

  it('of a missing source is 404', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'fanout')
    const none = fresh('none')
    w.send(CH, MethodId.ExchangeBind, { source: none, destination: x })
    expect(await refused(w)).toEqual([404, `NOT_FOUND - no exchange '${none}' in vhost '/'`])
  })
})

describe('exchange.unbind', () => {
  it('ends the routing; a missing binding is fine', async () => {
    const w = await session(t)
    const a = await declareExchange(w, 'fanout', { autoDelete: false })
    const b = await declareExchange(w, 'fanout', { autoDelete: false })
    const q = await declareQueue(w)
    await bindQueue(w, q, b)
    await w.call(CH, MethodId.ExchangeBind, { source: a, destination: b }, MethodId.ExchangeBindOk)
    await w.call(CH, MethodId.ExchangeUnbind, { source: a, destination: b }, MethodId.ExchangeUnbindOk)
    await w.call(CH, MethodId.ExchangeUnbind, { source: a, destination: b }, MethodId.ExchangeUnbindOk)
    w.publish(CH, { exchange: a })
    expect(await get(w, q)).toBeUndefined()
    for (const exchange of [a, b])
      await w.call(CH, MethodId.ExchangeDelete, { exchange }, MethodId.ExchangeDeleteOk)
  })
})

describe('internal exchanges', () => {
  it('take no publishes: 403', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'fanout', { internal: true })
    w.publish(CH, { exchange: x })
    expect(await refused(w)).toEqual([
      403,
      `ACCESS_REFUSED - cannot publish to internal exchange '${x}' in vhost '/'`,
    ])
  })
})

describe('alternate exchanges', () => {
  it('get what the exchange itself cannot route', async () => {
    const w = await session(t)
    const spare = await declareExchange(w, 'fanout')
    const x = await declareExchange(w, 'direct', { arguments: table({ 'alternate-exchange': spare }) })
    const [routed, rest] = [await declareQueue(w), await declareQueue(w)]
    await bindQueue(w, routed, x, 'known')
    await bindQueue(w, rest, spare)
    w.publish(CH, { exchange: x, routingKey: 'known', body: '1' })
    w.publish(CH, { exchange: x, routingKey: 'other', body: '2', mandatory: true })
    expect(String((await get(w, routed))?.body)).toBe('1')
    expect(String((await get(w, rest))?.body)).toBe('2')
    expect(await get(w, rest)).toBeUndefined()
  })

  differs('RabbitMQ 3.10 words this differently')('must be named by a text: 406', async () => {
    const w = await session(t)
    w.send(CH, MethodId.ExchangeDeclare, {
      exchange: fresh('x'),
      type: 'direct',
      arguments: table({ 'alternate-exchange': 1 }),
    })
    expect((await refused(w))[0]).toBe(406)
  })
})
