/** Messages whose key is not UTF-8, or whose headers are at the limits, on every way through the broker. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { TABLE_DEPTH_MAX } from '../../src/limits.ts'
import { FieldTable, integerOf } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { octetText, textOctets } from '../../src/util/octet-text.ts'
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
import { table, Wire } from '../support/wire.ts'

const HIGH = Buffer.alloc(200, 0xff)
const routingKey = octetText(HIGH)
const durable = { exclusive: false, durable: true, autoDelete: false }
const persistent = { deliveryMode: 2 }

let dir: string
let broker: RunningBroker
let w: Wire

async function start(): Promise<void> {
  broker = await createBroker({ port: 0, managementPort: 0, storage: 'lmdb', dataDir: dir })
  w = await Wire.open(broker.url)
  await w.channel(CH)
}
async function restart(): Promise<void> {
  w.socket.destroy()
  await broker.close()
  await start()
}
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'leveret-octets-'))
  await start()
})
afterEach(async () => {
  w.socket.destroy()
  await broker.close()
  rmSync(dir, { recursive: true, force: true })
})

async function http(method: string, path: string, body?: unknown) {
  const r = await fetch(`http://127.0.0.1:${broker.managementPort}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await r.text()
  return { status: r.status, text, json: text === '' ? undefined : JSON.parse(text) }
}

/** A queue behind a fanout exchange, both of which outlive a restart. */
async function behindFanout(args: Parameters<typeof table>[0] = {}): Promise<{ x: string; q: string }> {
  const x = await declareExchange(w, 'fanout', { durable: true, autoDelete: false })
  const q = await declareQueue(w, { ...durable, arguments: table(args) })
  await bindQueue(w, q, x)
  return { x, q }
}

async function keyOf(q: string): Promise<Buffer> {
  await holds(w, q, 1)
  return textOctets((await get(w, q))?.method.routingKey ?? '')
}

async function stored(exchange: string, headers = FieldTable.empty): Promise<void> {
  await confirmSelect(w)
  w.publish(CH, { exchange, routingKey, properties: { ...persistent, headers } })
  await confirmed(w, 1)
}

describe('a routing key that is not UTF-8', () => {
  it('outlives a restart', async () => {
    const { x, q } = await behindFanout()
    await stored(x)
    await restart()
    expect(await keyOf(q)).toEqual(HIGH)
  })

  it('is read from a stream, before and after a restart', async () => {
    const { x, q } = await behindFanout({ 'x-queue-type': 'stream' })
    await stored(x)
    const read = async (): Promise<void> => {
      await w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
      await consume(w, q, { arguments: table({ 'x-stream-offset': 'first' }) })
      const [d] = await deliveries(w, 1)
      expect(textOctets(d?.method.routingKey ?? '')).toEqual(HIGH)
      expect(d?.properties?.headers?.get('x-stream-offset')).toEqual({ type: 'l', value: 0n })
    }
    await read()
    await restart()
    await read()
  })

  it('comes out of a delayed exchange, under CC too, after a restart', async () => {
    const args = table({ 'x-delayed-type': 'topic' })
    const x = await declareExchange(w, 'x-delayed-message', {
      durable: true,
      autoDelete: false,
      arguments: args,
    })
    const [q, byCopy] = [await declareQueue(w, durable), await declareQueue(w, durable)]
    await bindQueue(w, q, x, '*')
    await bindQueue(w, byCopy, x, '*.copy')
    await stored(x, table({ 'x-delay': 200, CC: [`${routingKey}.copy`] }))
    await restart()
    expect(await keyOf(q)).toEqual(HIGH)
    expect(await keyOf(byCopy)).toEqual(HIGH)
  })

  it('is redelivered with a delivery count', async () => {
    const { x, q } = await behindFanout({ 'x-queue-type': 'quorum' })
    await stored(x)
    await holds(w, q, 1)
    const first = await get(w, q, false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: first?.method.deliveryTag ?? 0, requeue: true })
    await holds(w, q, 1)
    const again = await get(w, q)
    expect(textOctets(again?.method.routingKey ?? '')).toEqual(HIGH)
    expect(again?.properties?.headers?.get('x-delivery-count')).toEqual({ type: 'l', value: 1n })
  })

  it('is dead-lettered by time after a restart, and redriven', async () => {
    const dead = await behindFanout()
    const { x, q } = await behindFanout({ 'x-dead-letter-exchange': dead.x, 'x-message-ttl': 300 })
    await stored(x)
    await restart()
    await holds(w, dead.q, 1)
    expect((await broker.redrive(dead.q)).moved).toBe(1)
    expect(await keyOf(dead.q)).toEqual(HIGH)
    expect(q).not.toBe(dead.q)
  })

  it('is traced as it is', async () => {
    await http('PUT', 'vhosts/%2F', { tracing: true })
    const { x, q } = await behindFanout()
    const trace = await declareQueue(w)
    await bindQueue(w, trace, 'amq.rabbitmq.trace', '#')
    w.publish(CH, { exchange: x, routingKey })
    expect(await keyOf(q)).toEqual(HIGH)
    await holds(w, trace, 2)
    for (const copy of [await get(w, trace), await get(w, trace)])
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
    const x = await declareExchange(w, type)
    const q = await declareQueue(w)
    await bindQueue(w, q, x, key)
    w.publish(CH, { exchange: x, routingKey })
    expect(await keyOf(q)).toEqual(HIGH)
  })

  it('is committed by a transaction', async () => {
    const { x, q } = await behindFanout()
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.publish(CH, { exchange: x, routingKey })
    w.publish(CH, { routingKey, mandatory: true })
    w.send(CH, MethodId.TxCommit)
    expect(textOctets((await w.receive(CH, MethodId.BasicReturn)).method.routingKey)).toEqual(HIGH)
    await w.expect(CH, MethodId.TxCommitOk)
    expect(await keyOf(q)).toEqual(HIGH)
  })

  it('is shown over HTTP with U+FFFD, in JSON that every reader takes', async () => {
    const { x, q } = await behindFanout()
    const properties = { messageId: routingKey, headers: table({ [routingKey]: routingKey }) }
    w.publish(CH, { exchange: x, routingKey, properties })
    await holds(w, q, 1)
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
    for (const e of headers.entries) expect(got.get(e.name)).toEqual(e.value)
    return got
  }

  it('take x-death, by expiry after a restart, twice over', async () => {
    const end = await behindFanout()
    const middle = await behindFanout({ 'x-dead-letter-exchange': end.x, 'x-message-ttl': 50 })
    const first = await behindFanout({ 'x-dead-letter-exchange': middle.x, 'x-message-ttl': 300 })
    await stored(first.x, headers)
    await restart()
    await holds(w, end.q, 1)
    const got = expectKept(await get(w, end.q))
    expect(got.get('x-death')?.value).toHaveLength(2)
  })

  it('take x-stream-offset and x-delivery-count', async () => {
    const stream = await behindFanout({ 'x-queue-type': 'stream' })
    await stored(stream.x, headers)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
    const consumerTag = await consume(w, stream.q, { arguments: table({ 'x-stream-offset': 'first' }) })
    expectKept((await deliveries(w, 1))[0])
    await w.call(CH, MethodId.BasicCancel, { consumerTag }, MethodId.BasicCancelOk)
    const quorum = await behindFanout({ 'x-queue-type': 'quorum' })
    w.publish(CH, { exchange: quorum.x, properties: { headers } })
    await confirmed(w, 2, 2)
    const m = await get(w, quorum.q, false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: true })
    await holds(w, quorum.q, 1)
    expect(expectKept(await get(w, quorum.q)).get('x-delivery-count')).toEqual({ type: 'l', value: 1n })
  })

  it('are traced, and the traces of traces too', async () => {
    await http('PUT', 'vhosts/%2F', { tracing: true })
    const { x, q } = await behindFanout()
    // What dies of the trace is delivered under another exchange, and so traced again.
    const again = await behindFanout({ 'x-max-length': 1 })
    const args = table({ 'x-dead-letter-exchange': again.x, 'x-message-ttl': 0 })
    const trace = await declareQueue(w, { arguments: args })
    await bindQueue(w, trace, 'amq.rabbitmq.trace', '#')
    w.publish(CH, { exchange: x, properties: { headers } })
    await holds(w, q, 1)
    expectKept(await get(w, q))
    for (let i = 0; i < 40; i++) {
      await holds(w, again.q, 1)
      expect(await get(w, again.q)).toBeDefined()
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
    await declareQueue(w, { queue: 'q', arguments: args })
    w.publish(CH, { routingKey: 'q', properties: { headers: death({ count: 2n ** 63n - 1n }) } })
    await holds(w, 'q', 1)
    const m = await get(w, 'q', false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: false })
    await holds(w, dead, 1)
    const deaths = (await get(w, dead))?.properties?.headers?.get('x-death')
    const first = deaths?.type === 'A' ? (deaths.value[0]?.value as FieldTable) : FieldTable.empty
    expect(integerOf(first.get('count') ?? { type: 'V', value: undefined })).toBe(1)
  })

  it('with names that are too long stays where it is', async () => {
    const { x, q } = await behindFanout()
    await declareQueue(w, { queue: 'q' })
    for (const fields of [{ exchange: 'x'.repeat(256) }, { 'routing-keys': ['ä'.repeat(128)] }])
      w.publish(CH, { exchange: x, properties: { headers: death(fields) } })
    w.publish(CH, { exchange: x, properties: { headers: death({ 'routing-keys': [routingKey] }) } })
    await holds(w, q, 3)
    expect(await broker.redrive(q)).toEqual({ moved: 1, skipped: 2 })
    expect(await keyOf('q')).toEqual(HIGH)
  })
})

describe('names of 255 octets', () => {
  it('are traced, under a key that is cut', async () => {
    await http('PUT', 'vhosts/%2F', { tracing: true })
    const name = `${'ä'.repeat(127)}x`
    const x = await declareExchange(w, 'fanout', { exchange: name })
    const q = await declareQueue(w, { queue: name })
    await bindQueue(w, q, x)
    const trace = await declareQueue(w)
    await bindQueue(w, trace, 'amq.rabbitmq.trace', '#')
    await consume(w, q, { noAck: true, consumerTag: name })
    w.publish(CH, { exchange: x, routingKey: name })
    const [d] = await deliveries(w, 1)
    expect(d?.method).toMatchObject({ consumerTag: name, exchange: name, routingKey: name })
    await holds(w, trace, 2)
    const copies = [await get(w, trace), await get(w, trace)]
    expect(copies.map((c) => c?.method.routingKey).sort()).toEqual([
      `deliver.${'ä'.repeat(123)}`,
      `publish.${'ä'.repeat(123)}`,
    ])
    for (const c of copies) expect(c?.properties?.headers?.text('exchange_name')).toBe(name)
  })
})
