/** Messages whose key is not UTF-8, or whose headers are at the limits, on every way through the broker. */
import { describe, expect, it } from 'vitest'
import { TABLE_DEPTH_MAX } from '../../src/limits.ts'
import { FieldTable, fieldEntry, integerOf } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { octetText, textOctets } from '../../src/util/octet-text.ts'
import { useDurableBroker } from '../support/durable-broker.ts'
import {
  bindQueue,
  CH,
  confirmed,
  confirmSelect,
  consume,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  holds,
} from '../support/session.ts'
import { table } from '../support/wire.ts'

const HIGH = Buffer.alloc(200, 0xff)
const routingKey = octetText(HIGH)
const durable = { exclusive: false, durable: true, autoDelete: false }
const persistent = { deliveryMode: 2 }

const t = useDurableBroker({ managementPort: 0 })

async function http(method: string, path: string, body?: unknown) {
  const r = await fetch(`http://127.0.0.1:${t.broker.managementPort}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await r.text()
  return { status: r.status, text, json: text === '' ? undefined : JSON.parse(text) }
}

/** A queue behind a fanout exchange, both of which outlive a restart. */
async function behindFanout(args: Parameters<typeof table>[0] = {}): Promise<{ x: string; q: string }> {
  const x = await declareExchange(t.w, 'fanout', { durable: true, autoDelete: false })
  const q = await declareQueue(t.w, { ...durable, arguments: table(args) })
  await bindQueue(t.w, q, x)
  return { x, q }
}

async function keyOf(q: string): Promise<Buffer> {
  await holds(t.w, q, 1)
  return textOctets((await get(t.w, q))?.method.routingKey ?? '')
}

async function stored(exchange: string, headers = FieldTable.empty): Promise<void> {
  await confirmSelect(t.w)
  t.w.publish(CH, { exchange, routingKey, properties: { ...persistent, headers } })
  await confirmed(t.w, 1)
}

describe('a routing key that is not UTF-8', () => {
  it('outlives a restart', async () => {
    const { x, q } = await behindFanout()
    await stored(x)
    await t.restart()
    expect(await keyOf(q)).toEqual(HIGH)
  })

  it('is read from a stream, before and after a restart', async () => {
    const { x, q } = await behindFanout({ 'x-queue-type': 'stream' })
    await stored(x)
    const read = async (): Promise<void> => {
      await t.w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
      await consume(t.w, q, { arguments: table({ 'x-stream-offset': 'first' }) })
      const [d] = await deliveries(t.w, 1)
      expect(textOctets(d?.method.routingKey ?? '')).toEqual(HIGH)
      expect(d?.properties?.headers?.get('x-stream-offset')).toEqual({ type: 'l', value: 0n })
    }
    await read()
    await t.restart()
    await read()
  })

  it('comes out of a delayed exchange, under CC too, after a restart', async () => {
    const args = table({ 'x-delayed-type': 'topic' })
    const x = await declareExchange(t.w, 'x-delayed-message', {
      durable: true,
      autoDelete: false,
      arguments: args,
    })
    const [q, byCopy] = [await declareQueue(t.w, durable), await declareQueue(t.w, durable)]
    await bindQueue(t.w, q, x, '*')
    await bindQueue(t.w, byCopy, x, '*.copy')
    await stored(x, table({ 'x-delay': 200, CC: [`${routingKey}.copy`] }))
    await t.restart()
    expect(await keyOf(q)).toEqual(HIGH)
    expect(await keyOf(byCopy)).toEqual(HIGH)
  })

  it('is redelivered with a delivery count', async () => {
    const { x, q } = await behindFanout({ 'x-queue-type': 'quorum' })
    await stored(x)
    await holds(t.w, q, 1)
    const first = await get(t.w, q, false)
    t.w.send(CH, MethodId.BasicReject, { deliveryTag: first?.method.deliveryTag ?? 0, requeue: true })
    await holds(t.w, q, 1)
    const again = await get(t.w, q)
    expect(textOctets(again?.method.routingKey ?? '')).toEqual(HIGH)
    expect(again?.properties?.headers?.get('x-delivery-count')).toEqual({ type: 'l', value: 1n })
  })

  it('is dead-lettered by time after a restart, and redriven', async () => {
    const dead = await behindFanout()
    const { x, q } = await behindFanout({ 'x-dead-letter-exchange': dead.x, 'x-message-ttl': 300 })
    await stored(x)
    await t.restart()
    await holds(t.w, dead.q, 1)
    expect((await t.broker.redrive(dead.q)).moved).toBe(1)
    expect(await keyOf(dead.q)).toEqual(HIGH)
    expect(q).not.toBe(dead.q)
  })

  it('is traced as it is', async () => {
    await http('PUT', 'vhosts/%2F', { tracing: true })
    const { x, q } = await behindFanout()
    const trace = await declareQueue(t.w)
    await bindQueue(t.w, trace, 'amq.rabbitmq.trace', '#')
    t.w.publish(CH, { exchange: x, routingKey })
    expect(await keyOf(q)).toEqual(HIGH)
    await holds(t.w, trace, 2)
    for (const copy of [await get(t.w, trace), await get(t.w, trace)])
      expect(copy?.properties?.headers?.get('routing_keys')).toEqual({
        type: 'A',
        value: [{ type: 'S', value: HIGH }],
      })
  })

  it.each([
    ['x-consistent-hash', '1'],
    ['x-modulus-hash', ''],
    ['x-random', ''],
    ['x-recent-history', ''],
  ])('goes through an exchange of type %s', async (type, key) => {
    const x = await declareExchange(t.w, type)
    const q = await declareQueue(t.w)
    await bindQueue(t.w, q, x, key)
    t.w.publish(CH, { exchange: x, routingKey })
    expect(await keyOf(q)).toEqual(HIGH)
  })

  it('is committed by a transaction', async () => {
    const { x, q } = await behindFanout()
    await t.w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    t.w.publish(CH, { exchange: x, routingKey })
    t.w.publish(CH, { routingKey, mandatory: true })
    t.w.send(CH, MethodId.TxCommit)
    expect(textOctets((await t.w.receive(CH, MethodId.BasicReturn)).method.routingKey)).toEqual(HIGH)
    await t.w.expect(CH, MethodId.TxCommitOk)
    expect(await keyOf(q)).toEqual(HIGH)
  })

  it('is shown over HTTP with U+FFFD, in JSON that every reader takes', async () => {
    const { x, q } = await behindFanout()
    const properties = { messageId: routingKey, headers: table({ [routingKey]: routingKey }) }
    t.w.publish(CH, { exchange: x, routingKey, properties })
    await holds(t.w, q, 1)
    const shown = '\ufffd'.repeat(200)
    const ask = { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' }
    for (const answer of [
      await http('POST', `queues/%2F/${q}/get`, ask),
      await http('GET', `queues/%2F/${q}/peek`),
    ]) {
      expect(answer.status).toBe(200)
      expect(answer.text).not.toMatch(/\\ud/i)
      expect(answer.json[0]).toMatchObject({
        routing_key: shown,
        properties: { message_id: shown, headers: { [shown]: shown } },
      })
    }
    expect(await keyOf(q)).toEqual(HIGH)
  })
})

function nested(levels: number): FieldTable {
  let t = table({ end: 1 })
  for (let i = 0; i < levels; i++) t = table({ t })
  return t
}

const atTheLimit = {
  'as deep as they may be': nested(TABLE_DEPTH_MAX),
  'as long as a frame': table({ h: 'x'.repeat(131_000) }),
}

describe.each(Object.entries(atTheLimit))('headers %s', (_, headers) => {
  function expectKept(m: { properties?: { headers?: FieldTable | undefined } } | undefined): FieldTable {
    const got = m?.properties?.headers as FieldTable
    // Compared as octets: going through a long value element by element takes half a second.
    for (const e of headers.entries) {
      const value = got.get(e.name)
      expect(value !== undefined && fieldEntry(e.name, value).bytes.equals(e.bytes)).toBe(true)
    }
    return got
  }

  it('take x-death, by expiry after a restart, twice over', async () => {
    const end = await behindFanout()
    const middle = await behindFanout({ 'x-dead-letter-exchange': end.x, 'x-message-ttl': 50 })
    const first = await behindFanout({ 'x-dead-letter-exchange': middle.x, 'x-message-ttl': 300 })
    await stored(first.x, headers)
    await t.restart()
    await holds(t.w, end.q, 1)
    const got = expectKept(await get(t.w, end.q))
    expect(got.get('x-death')?.value).toHaveLength(2)
  })

  it('take x-stream-offset and x-delivery-count', async () => {
    const stream = await behindFanout({ 'x-queue-type': 'stream' })
    await stored(stream.x, headers)
    await t.w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
    const consumerTag = await consume(t.w, stream.q, { arguments: table({ 'x-stream-offset': 'first' }) })
    expectKept((await deliveries(t.w, 1))[0])
    await t.w.call(CH, MethodId.BasicCancel, { consumerTag }, MethodId.BasicCancelOk)
    const quorum = await behindFanout({ 'x-queue-type': 'quorum' })
    t.w.publish(CH, { exchange: quorum.x, properties: { headers } })
    await confirmed(t.w, 2, 2)
    const m = await get(t.w, quorum.q, false)
    t.w.send(CH, MethodId.BasicReject, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: true })
    await holds(t.w, quorum.q, 1)
    expect(expectKept(await get(t.w, quorum.q)).get('x-delivery-count')).toEqual({ type: 'l', value: 1n })
  })

  it('are traced, and the traces of traces too', async () => {
    await http('PUT', 'vhosts/%2F', { tracing: true })
    const { x, q } = await behindFanout()
    // What dies of the trace is delivered under another exchange, and so traced again.
    const again = await behindFanout({ 'x-max-length': 1 })
    const args = table({ 'x-dead-letter-exchange': again.x, 'x-message-ttl': 0 })
    const trace = await declareQueue(t.w, { arguments: args })
    await bindQueue(t.w, trace, 'amq.rabbitmq.trace', '#')
    t.w.publish(CH, { exchange: x, properties: { headers } })
    await holds(t.w, q, 1)
    expectKept(await get(t.w, q))
    for (let i = 0; i < 40; i++) {
      await holds(t.w, again.q, 1)
      expect(await get(t.w, again.q)).toBeDefined()
    }
  })
})

describe('x-death of a client’s own', () => {
  const death = (fields: Parameters<typeof table>[0]): FieldTable =>
    table({
      'x-death': [
        { queue: 'q', reason: 'rejected', count: 1, exchange: '', 'routing-keys': ['k'], ...fields },
      ],
    })

  it('with the largest count does no harm', async () => {
    const { x, q: dead } = await behindFanout()
    const args = table({ 'x-dead-letter-exchange': x })
    await declareQueue(t.w, { queue: 'q', arguments: args })
    t.w.publish(CH, { routingKey: 'q', properties: { headers: death({ count: 2n ** 63n - 1n }) } })
    await holds(t.w, 'q', 1)
    const m = await get(t.w, 'q', false)
    t.w.send(CH, MethodId.BasicReject, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: false })
    await holds(t.w, dead, 1)
    const deaths = (await get(t.w, dead))?.properties?.headers?.get('x-death')
    const first = deaths?.type === 'A' ? (deaths.value[0]?.value as FieldTable) : FieldTable.empty
    expect(integerOf(first.get('count') ?? { type: 'V', value: undefined })).toBe(1)
  })

  it('with names that are too long stays where it is', async () => {
    const { x, q } = await behindFanout()
    await declareQueue(t.w, { queue: 'q' })
    for (const fields of [{ exchange: 'x'.repeat(256) }, { 'routing-keys': ['ä'.repeat(128)] }])
      t.w.publish(CH, { exchange: x, properties: { headers: death(fields) } })
    t.w.publish(CH, { exchange: x, properties: { headers: death({ 'routing-keys': [routingKey] }) } })
    await holds(t.w, q, 3)
    expect(await t.broker.redrive(q)).toEqual({ moved: 1, skipped: 2 })
    expect(await keyOf('q')).toEqual(HIGH)
  })
})

describe('names of 255 octets', () => {
  it('are traced, under a key that is cut', async () => {
    await http('PUT', 'vhosts/%2F', { tracing: true })
    const name = `${'ä'.repeat(127)}x`
    const x = await declareExchange(t.w, 'fanout', { exchange: name })
    const q = await declareQueue(t.w, { queue: name })
    await bindQueue(t.w, q, x)
    const trace = await declareQueue(t.w)
    await bindQueue(t.w, trace, 'amq.rabbitmq.trace', '#')
    await consume(t.w, q, { noAck: true, consumerTag: name })
    t.w.publish(CH, { exchange: x, routingKey: name })
    const [d] = await deliveries(t.w, 1)
    expect(d?.method).toMatchObject({ consumerTag: name, exchange: name, routingKey: name })
    await holds(t.w, trace, 2)
    const copies = [await get(t.w, trace), await get(t.w, trace)]
    expect(copies.map((c) => c?.method.routingKey).sort()).toEqual([
      `deliver.${'ä'.repeat(123)}`,
      `publish.${'ä'.repeat(123)}`,
    ])
    for (const c of copies) expect(c?.properties?.headers?.text('exchange_name')).toBe(name)
  })
})
