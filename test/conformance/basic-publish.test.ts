import { describe, expect, it } from 'vitest'
import { FrameWriter } from '../../src/protocol/frame-writer.ts'
import { FRAME_BODY, FRAME_HEADER, MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  CH,
  confirmSelect,
  consume,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  refused,
  session,
} from '../support/session.ts'
import { differs, fresh, useTarget } from '../support/target.ts'
import { headerPayload, methodFrom, publishFrames, table } from '../support/wire.ts'

const t = useTarget()

describe('basic.publish', () => {
  it('carries body and all properties unchanged', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    const properties = {
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      headers: table({
        s: 'text',
        i: 5,
        l: 5_000_000_000,
        b: true,
        n: null,
        a: [1, 'x', { deep: 1.5 }],
        t: new Date(1e12),
        bytes: Buffer.from([0, 255]),
      }),
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c',
      replyTo: 'r',
      expiration: '60000',
      messageId: 'm',
      timestamp: 1234567890n,
      type: 'ty',
      userId: 'guest',
      appId: 'a',
      clusterId: 'cl',
    }
    w.publish(CH, { routingKey: q, properties, body: 'hello' })
    const m = await get(w, q)
    expect(m?.body?.toString()).toBe('hello')
    expect({ ...m?.properties, headers: undefined }).toEqual({ ...properties, headers: undefined })
    expect(m?.properties?.headers?.bytes).toEqual(properties.headers.bytes)
    expect(m?.method).toMatchObject({ exchange: '', routingKey: q, redelivered: false, messageCount: 0 })
  })

  it.each([0, 1, 4087, 4088, 4089, 131_064, 131_065, 300_000, 1_048_576])(
    'a body of %i octets arrives whole',
    async (size) => {
      const w = await session(t)
      const q = await declareQueue(w)
      const body = Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31) & 0xff))
      w.publish(CH, { routingKey: q, body, split: 4000 })
      w.publish(CH, { routingKey: q, body, split: 131_064 })
      await consume(w, q, { noAck: true })
      for (const d of await deliveries(w, 2)) expect(d.body?.equals(body)).toBe(true)
    },
  )

  it('may have more headers than fit in sixteen bits of length', async () => {
    const w = await session(t)
    await w.channel(2)
    const q = await declareQueue(w)
    const headers = table({ long: 'h'.repeat(80_000), last: 1 })
    await w.call(2, MethodId.BasicConsume, { queue: q, noAck: true }, MethodId.BasicConsumeOk)
    w.publish(CH, { routingKey: q, body: 'small', properties: { headers } })
    w.publish(CH, { routingKey: q, body: 'next' })
    const first = await w.receive(2, MethodId.BasicDeliver)
    expect([String(first.body), first.properties?.headers?.bytes.equals(headers.bytes)]).toEqual([
      'small',
      true,
    ])
    expect(String((await w.receive(2, MethodId.BasicDeliver)).body)).toBe('next')
  })

  it('is cut to what a client with small frames can take', async () => {
    const big = await session(t)
    const small = await session(t, { frameMax: 4096 })
    const q = await declareQueue(big, { exclusive: false, autoDelete: true })
    const body = Buffer.alloc(50_000, 'abcdefg')
    await consume(small, q, { noAck: true })
    big.publish(CH, { routingKey: q, body })
    const [d] = await deliveries(small, 1)
    expect(d?.body?.equals(body)).toBe(true)
  })

  it('arrives on the channel of the consumer, whatever the channel of the publisher', async () => {
    const w = await session(t)
    await w.channel(300)
    const q = await declareQueue(w)
    w.publish(CH, { routingKey: q, body: 'a' })
    w.publish(300, { routingKey: q, body: 'b', properties: { headers: table({ h: 1 }) } })
    await w.call(300, MethodId.BasicConsume, { queue: q, noAck: true }, MethodId.BasicConsumeOk)
    // Between channels no order is promised.
    const bodies = [await w.receive(300, MethodId.BasicDeliver), await w.receive(300, MethodId.BasicDeliver)]
    expect(bodies.map((d) => String(d.body)).sort()).toEqual(['a', 'b'])
  })

  it('content of two channels may interleave', async () => {
    const w = await session(t)
    await w.channel(2)
    const q = await declareQueue(w)
    const [one, two] = [1, 2].map((n) => {
      const f = new FrameWriter()
      f.method(n, methodFrom(MethodId.BasicPublish, { routingKey: q }))
      return Buffer.from(f.view())
    })
    const part = (type: number, ch: number, payload: Buffer): Buffer => {
      const f = new FrameWriter()
      f.frame(type, ch, payload)
      return Buffer.from(f.view())
    }
    for (const octets of [
      one as Buffer,
      two as Buffer,
      part(FRAME_HEADER, 2, headerPayload(4)),
      part(FRAME_HEADER, 1, headerPayload(4)),
      part(FRAME_BODY, 1, Buffer.from('aa')),
      part(FRAME_BODY, 2, Buffer.from('bbbb')),
      part(FRAME_BODY, 1, Buffer.from('AA')),
    ])
      w.write(octets)
    await consume(w, q, { noAck: true })
    expect((await deliveries(w, 2)).map((d) => String(d.body)).sort()).toEqual(['aaAA', 'bbbb'])
  })

  it('to a missing exchange is 404, after its content', async () => {
    const w = await session(t)
    const x = fresh('x')
    w.publish(CH, { exchange: x, body: 'x' })
    expect(await refused(w)).toEqual([404, `NOT_FOUND - no exchange '${x}' in vhost '/'`])
  })

  it('immediate is 540', async () => {
    const w = await session(t)
    w.publish(CH, { routingKey: 'x', immediate: true })
    expect(await w.connectionError()).toMatchObject({ code: 540, text: 'NOT_IMPLEMENTED - immediate=true' })
  })

  it('with a foreign user-id is 406', async () => {
    const w = await session(t)
    w.publish(CH, { routingKey: 'x', properties: { userId: 'somebody' } })
    expect(await refused(w)).toEqual([
      406,
      "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'",
    ])
  })

  it.each(['abc', '-1', '12ms'])('with the expiration %s is 406', async (expiration) => {
    const w = await session(t)
    w.publish(CH, { routingKey: 'x', properties: { expiration } })
    const [code, text] = await refused(w)
    expect(code).toBe(406)
    expect(text).toContain(`invalid expiration '${expiration}'`)
  })

  differs('RabbitMQ 3.10 has no such limit')('a body announced beyond the limit is refused', async () => {
    const w = await session(t)
    const f = new FrameWriter()
    f.method(CH, methodFrom(MethodId.BasicPublish, {}))
    f.frame(FRAME_HEADER, CH, headerPayload(600_000_000n))
    w.write(f.view())
    const r = await Promise.race([w.next(0), w.next(CH)])
    expect(r.method).toMatchObject({ replyText: expect.stringMatching(/600000000/) })
    w.socket.destroy()
  })
})

describe('content frames', () => {
  const method = (): Buffer => publishFrames(CH, { routingKey: 'x' }).subarray(0, -22)

  it('a body without a publish is 505', async () => {
    const w = await session(t)
    const f = new FrameWriter()
    f.frame(FRAME_BODY, CH, Buffer.from('x'))
    w.write(f.view())
    expect(await w.connectionError()).toMatchObject({
      code: 505,
      text: 'UNEXPECTED_FRAME - expected method frame, got non method frame instead',
    })
  })

  it('a method in place of a header is 505', async () => {
    const w = await session(t)
    w.write(method())
    w.send(CH, MethodId.BasicQos, {})
    expect(await w.connectionError()).toMatchObject({
      code: 505,
      text: 'UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead',
    })
  })

  it('a header of another class is 505', async () => {
    const w = await session(t)
    const payload = headerPayload(0)
    payload.writeUInt16BE(50, 0)
    const f = new FrameWriter()
    f.frame(FRAME_HEADER, CH, payload)
    w.write(Buffer.concat([method(), f.view()]))
    expect(await w.connectionError()).toMatchObject({
      code: 505,
      text: 'UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead',
    })
  })

  differs('RabbitMQ 3.10 waits for more')('more body than announced is 501', async () => {
    const w = await session(t)
    const f = new FrameWriter()
    f.frame(FRAME_HEADER, CH, headerPayload(2))
    f.frame(FRAME_BODY, CH, Buffer.from('abc'))
    w.write(Buffer.concat([method(), f.view()]))
    const m = await w.expect(0, MethodId.ConnectionClose)
    expect(m.replyCode).toBe(501)
    w.socket.destroy()
  })

  differs('RabbitMQ 3.10 crashes its channel with 541')('headers that are no table are 501', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    const payload = headerPayload(0, { headers: table({ a: 'b' }) })
    payload[14 + 4 + 2] = 0x3f
    const f = new FrameWriter()
    f.method(CH, methodFrom(MethodId.BasicPublish, { routingKey: q }))
    f.frame(FRAME_HEADER, CH, payload)
    w.write(f.view())
    expect((await w.connectionError()).code).toBe(501)
  })
})

describe('basic.return', () => {
  it('brings back what nobody wanted, before the confirm', async () => {
    const w = await session(t)
    await confirmSelect(w)
    const key = fresh('nobody')
    w.publish(CH, { routingKey: key, mandatory: true, body: 'back', properties: { messageId: '7' } })
    const r = await w.receive(CH, MethodId.BasicReturn)
    expect(r.method).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: key })
    expect([String(r.body), r.properties?.messageId]).toEqual(['back', '7'])
    expect(await w.expect(CH, MethodId.BasicAck)).toMatchObject({ deliveryTag: 1 })
  })

  it('does not come without mandatory', async () => {
    const w = await session(t)
    await confirmSelect(w)
    w.publish(CH, { routingKey: fresh('nobody') })
    await w.expect(CH, MethodId.BasicAck)
  })
})

describe('CC and BCC', () => {
  it('route to further keys; BCC is not seen', async () => {
    const w = await session(t)
    const [a, b, c] = [await declareQueue(w), await declareQueue(w), await declareQueue(w)]
    w.publish(CH, {
      routingKey: a,
      body: 'm',
      properties: { headers: table({ CC: [b], BCC: [c], keep: 1 }), expiration: '60000' },
    })
    for (const q of [a, b, c]) {
      const m = await get(w, q)
      expect(m?.method.routingKey).toBe(a)
      expect(m?.properties?.headers?.toPlain()).toEqual({ CC: [b], keep: 1 })
      expect(m?.properties?.expiration).toBe('60000')
    }
  })
})

describe('routing', () => {
  it('direct: the key itself', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct')
    const q = await declareQueue(w)
    await bindQueue(w, q, x, 'a')
    await bindQueue(w, q, x, 'b')
    for (const k of ['a', 'b', 'c', '']) w.publish(CH, { exchange: x, routingKey: k, body: k })
    expect([String((await get(w, q))?.body), String((await get(w, q))?.body), await get(w, q)]).toEqual([
      'a',
      'b',
      undefined,
    ])
  })

  it.each([
    ['a.b', 'a.b', true],
    ['a.*', 'a.b', true],
    ['a.*', 'a', false],
    ['a.*', 'a.b.c', false],
    ['*.b', 'a.b', true],
    ['*', '', false],
    ['#', '', true],
    ['#', 'a.b.c', true],
    ['a.#', 'a', true],
    ['a.#', 'a.b.c', true],
    ['#.c', 'a.b.c', true],
    ['#.c', 'c', true],
    ['a.#.c', 'a.c', true],
    ['a.#.c', 'a.b.b.c', true],
    ['a.#.c', 'a.b', false],
    ['#.#', 'x', true],
    ['*.#', '', false],
    ['#.*', 'x.y', true],
    ['a..b', 'a..b', true],
    ['a.*.b', 'a..b', true],
    ['A', 'a', false],
    ['a*', 'ab', false],
    ['#.b.#.d.#', 'a.b.c.d.e', true],
    ['#.b.#.d.#', 'a.d.c.b.e', false],
  ])('topic: %s matches %s: %s', async (pattern, key, matches) => {
    const w = await session(t)
    const x = await declareExchange(w, 'topic')
    const q = await declareQueue(w)
    await bindQueue(w, q, x, pattern)
    w.publish(CH, { exchange: x, routingKey: key })
    expect((await get(w, q)) !== undefined).toBe(matches)
  })

  it.each([
    [{ a: 1, b: 'x' }, { a: 1, b: 'x', c: 2 }, true],
    [{ a: 1, b: 'x' }, { a: 1 }, false],
    [{ 'x-match': 'any', a: 1, b: 'x' }, { b: 'x' }, true],
    [{ 'x-match': 'any', a: 1 }, { a: 2 }, false],
    [{ a: 1 }, { a: 1n }, true],
    [{ a: 1 }, { a: '1' }, false],
    [{ a: null }, { a: 'anything' }, true],
    [{ a: null }, {}, false],
    [{}, { a: 1 }, true],
    [{ 'x-match': 'any' }, { a: 1 }, false],
    [{ 'x-match': 'all', 'x-ignored': 1, a: 1 }, { a: 1 }, true],
    [{ 'x-match': 'all-with-x', 'x-seen': 1 }, {}, false],
    [{ 'x-match': 'any-with-x', 'x-seen': 1 }, { 'x-seen': 1 }, true],
  ])('headers: %o against %o: %s', async (args, headers, matches) => {
    const w = await session(t)
    const x = await declareExchange(w, 'headers')
    const q = await declareQueue(w)
    await bindQueue(w, q, x, 'ignored', args)
    w.publish(CH, { exchange: x, properties: { headers: table(headers) } })
    expect((await get(w, q)) !== undefined).toBe(matches)
  })

  it('headers: an unknown x-match is 406', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'headers')
    const q = await declareQueue(w)
    w.send(CH, MethodId.QueueBind, { queue: q, exchange: x, arguments: table({ 'x-match': 'some' }) })
    const [code, text] = await refused(w)
    expect(code).toBe(406)
    expect(text).toContain('Invalid x-match field value <<"some">>; expected all')
  })

  it('a changed binding counts from the next publish on', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct', { autoDelete: false })
    const q = await declareQueue(w)
    await bindQueue(w, q, x, 'k')
    w.publish(CH, { exchange: x, routingKey: 'k', body: '1' })
    w.send(CH, MethodId.QueueUnbind, { queue: q, exchange: x, routingKey: 'k' })
    w.publish(CH, { exchange: x, routingKey: 'k', body: '2' })
    await w.expect(CH, MethodId.QueueUnbindOk)
    await bindQueue(w, q, x, 'k')
    w.publish(CH, { exchange: x, routingKey: 'k', body: '3' })
    expect([String((await get(w, q))?.body), String((await get(w, q))?.body), await get(w, q)]).toEqual([
      '1',
      '3',
      undefined,
    ])
    await w.call(CH, MethodId.ExchangeDelete, { exchange: x }, MethodId.ExchangeDeleteOk)
  })
})
