import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  CH,
  confirmed,
  confirmSelect,
  consume,
  declareQueue,
  deliveries,
  get,
  session,
} from '../support/session.ts'
import { until } from '../support/until.ts'
import { table, type Wire } from '../support/wire.ts'
import { Http } from './target.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'leveret-peek-'))
const http = new Http()
let broker: RunningBroker

async function start(): Promise<void> {
  broker = await createBroker({ port: 0, managementPort: 0, storage: 'lmdb', dataDir })
  http.base = `http://127.0.0.1:${broker.managementPort}`
}
beforeAll(start)
afterAll(async () => {
  await broker.close()
  rmSync(dataDir, { recursive: true, force: true })
})

// biome-ignore lint/suspicious/noExplicitAny: JSON
async function peek(queue: string, query = ''): Promise<any[]> {
  const { status, json } = await http.get(`queues/%2F/${queue}/peek?${query}`)
  expect(status).toBe(200)
  return json
}

async function publish(w: Wire, queue: string, bodies: string[]): Promise<void> {
  for (const body of bodies)
    w.publish(CH, {
      routingKey: queue,
      body,
      properties: { deliveryMode: 2, headers: table({ colour: body.length % 2 === 0 ? 'red' : 'blue' }) },
    })
  await confirmed(w, bodies.length)
}

describe('peek', () => {
  it('shows ready and unacked messages by position, state and header, and changes nothing', async () => {
    const w = await session(broker)
    await confirmSelect(w)
    const queue = await declareQueue(w, { exclusive: false, durable: true })
    await publish(w, queue, ['a', 'bb', 'c', 'dd', 'e'])
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 2 }, MethodId.BasicQosOk)
    const consumer = await consume(w, queue)
    await deliveries(w, 2)
    const all = await peek(queue)
    expect(all.map((m) => [m.position, m.payload, m.state, m.redelivered])).toEqual([
      [0, 'a', 'unacked', true],
      [1, 'bb', 'unacked', true],
      [2, 'c', 'ready', false],
      [3, 'dd', 'ready', false],
      [4, 'e', 'ready', false],
    ])
    expect(all[1].held_by).toMatchObject({
      channel: expect.stringMatching(/ \(1\)$/),
      user: 'guest',
      delivery_tag: 2,
      consumer_tag: consumer,
    })
    expect(Date.now() - all[1].held_by.since).toBeLessThan(60_000)
    expect((await peek(queue, 'state=ready&offset=1&count=1')).map((m) => m.payload)).toEqual(['dd'])
    expect((await peek(queue, 'header=colour=red')).map((m) => m.payload)).toEqual(['bb', 'dd'])
    expect((await peek(queue, 'encoding=base64&truncate=1&count=2'))[1]).toMatchObject({
      payload: Buffer.from('b').toString('base64'),
      payload_bytes: 2,
    })
    await w.call(CH, MethodId.BasicCancel, { consumerTag: consumer }, MethodId.BasicCancelOk)
    const next = await get(w, queue)
    expect([String(next?.body), next?.method.redelivered]).toEqual(['c', false])
    w.send(CH, MethodId.QueueDelete, { queue, nowait: true })
  })

  it('shows messages by their age, which outlives the process', async () => {
    let w = await session(broker)
    await confirmSelect(w)
    const queue = await declareQueue(w, { exclusive: false, durable: true })
    await publish(w, queue, ['old', 'old too'])
    const [first] = await peek(queue)
    expect(Math.abs(Date.now() - first.arrived_at)).toBeLessThan(60_000)
    await until(async () => (await peek(queue, 'older_than=3')).length === 2, 'the messages to be old')
    w.socket.destroy()
    await broker.close()
    await start()
    w = await session(broker)
    await confirmSelect(w)
    await publish(w, queue, ['new'])
    expect((await peek(queue, 'older_than=2.5')).map((m) => m.payload)).toEqual(['old', 'old too'])
    expect((await peek(queue, 'newer_than=2.5')).map((m) => m.payload)).toEqual(['new'])
    expect((await peek(queue))[0].arrived_at).toBe(first.arrived_at)
  })

  it('looks through a long queue without holding up others', async () => {
    const w = await session(broker)
    await confirmSelect(w)
    const queue = await declareQueue(w, { exclusive: false, durable: true })
    await publish(
      w,
      queue,
      Array.from({ length: 9001 }, (_, i) => (i === 9000 ? 'xx' : 'x')),
    )
    expect((await peek(queue, 'header=colour=red')).map((m) => m.position)).toEqual([9000])
  })

  it('of a stream has the offsets as numbers', async () => {
    const w = await session(broker)
    await confirmSelect(w)
    const args = table({ 'x-queue-type': 'stream' })
    const queue = await declareQueue(w, { exclusive: false, durable: true, arguments: args })
    await publish(w, queue, ['a', 'b', 'c'])
    expect((await peek(queue, 'offset=1')).map((m) => [m.number, m.payload])).toEqual([
      [1, 'b'],
      [2, 'c'],
    ])
  })

  it('says what it does not understand', async () => {
    const w = await session(broker)
    const queue = await declareQueue(w)
    for (const query of ['state=lost', 'header=x', 'count=many', 'older_than=-1', 'encoding=x', 'truncate=x'])
      expect(await http.get(`queues/%2F/${queue}/peek?${query}`)).toMatchObject({
        status: 400,
        json: { error: 'bad_request', reason: expect.any(String) },
      })
    expect((await http.get('queues/%2F/nowhere/peek')).status).toBe(404)
  })
})
