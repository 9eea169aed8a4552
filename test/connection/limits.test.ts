/** Every limit of limits.ts that a client can reach, with the error that it gets. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { FRAME_BYTES_MAX, TABLE_DEPTH_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  CH,
  confirmed,
  confirmSelect,
  consume,
  counts,
  declareQueue,
  holds,
  refused,
} from '../support/session.ts'
import { until } from '../support/until.ts'
import { publishFrames, table, Wire } from '../support/wire.ts'

let broker: RunningBroker
let http: string

beforeAll(async () => {
  broker = await createBroker({
    port: 0,
    managementPort: 0,
    maxMessageSize: 1000,
    limits: {
      connections: 4,
      unauthenticated: 3,
      handshakeMs: 2500,
      consumersPerChannel: 2,
      transactionBytes: 5000,
    },
  })
  http = `http://127.0.0.1:${broker.managementPort}/api`
})
afterAll(() => broker.close())
beforeEach(() => until(() => broker.connections() === 0, 'the connections of the test before to go'))

async function put(path: string, body: object): Promise<void> {
  const headers = { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' }
  const r = await fetch(`${http}/${path}`, { method: 'PUT', headers, body: JSON.stringify(body) })
  expect(r.ok).toBe(true)
}

async function connect(o: Parameters<typeof Wire.open>[1] = {}): Promise<Wire> {
  const w = await Wire.open(broker.url, o)
  onTestFinished(() => {
    w.socket.destroy()
  })
  return w
}

/** What a connection is told that may not come in. */
function refusal(o: Parameters<typeof Wire.open>[1] = {}): Promise<string> {
  return Wire.open(broker.url, o).then(
    () => 'open',
    (e: Error) => e.message,
  )
}

async function user(name: string, limits: Record<string, number>): Promise<void> {
  await put(`users/${name}`, { password: 'p', tags: '' })
  await put(`permissions/%2F/${name}`, { configure: '.*', write: '.*', read: '.*' })
  for (const [limit, value] of Object.entries(limits)) await put(`user-limits/${name}/${limit}`, { value })
}

describe('connections', () => {
  it('of the node', async () => {
    for (let i = 0; i < 4; i++) await connect()
    expect(await refusal()).toContain(
      'NOT_ALLOWED - connection refused: node connection limit (4) is reached',
    )
  })

  it('of a user', async () => {
    await user('one', { 'max-connections': 1 })
    const login = { user: 'one', password: 'p' }
    const first = await connect(login)
    expect(await refusal(login)).toContain(
      "NOT_ALLOWED - connection refused for user 'one': user connection limit (1) is reached",
    )
    await connect()
    await first.close()
    await connect(login)
  })

  it('of a vhost', async () => {
    await put('vhosts/small', {})
    await put('permissions/small/guest', { configure: '.*', write: '.*', read: '.*' })
    await put('vhost-limits/small/max-connections', { value: 1 })
    await connect({ vhost: 'small' })
    expect(await refusal({ vhost: 'small' })).toContain(
      "NOT_ALLOWED - access to vhost 'small' refused for user 'guest': connection limit (1) is reached",
    )
    await connect()
  })

  it('that say nothing: so many, of which the oldest makes room, and for so long', async () => {
    const silent: Wire[] = []
    for (let i = 0; i < 3; i++) silent.push(await Wire.socket(broker.url, true))
    await until(() => broker.connections() === 3, 'three that are not open')
    const fourth = await Wire.socket(broker.url, true)
    await until(() => silent[0]?.closed === true, 'the first to be cut off')
    expect([silent[1]?.closed, silent[2]?.closed, fourth.closed]).toEqual([false, false, false])
    await (await connect()).close()
    await until(() => silent.every((w) => w.closed) && fourth.closed, 'the time-out')
    await connect()
  })
})

describe('channels', () => {
  it('of a connection', async () => {
    const w = await connect({ channelMax: 2 })
    for (const n of [1, 2]) await w.channel(n)
    w.send(3, MethodId.ChannelOpen)
    expect(await w.expect(0, MethodId.ConnectionClose)).toMatchObject({
      replyCode: 530,
      replyText: 'NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)',
    })
  })

  it('of a user, over all connections', async () => {
    await user('two', { 'max-channels': 2 })
    const login = { user: 'two', password: 'p' }
    const [a, b] = [await connect(login), await connect(login)]
    await a.channel(1)
    await b.channel(1)
    b.send(2, MethodId.ChannelOpen)
    expect(await b.expect(0, MethodId.ConnectionClose)).toMatchObject({
      replyCode: 530,
      replyText:
        "NOT_ALLOWED - number of channels opened for user 'two' has reached the maximum allowed user limit of 2",
    })
    b.socket.destroy()
    // Those of the connection that has gone count no more.
    await until(() => broker.connections() === 1, 'the connection to go')
    await a.channel(2)
    await a.call(2, MethodId.ChannelClose, {}, MethodId.ChannelCloseOk)
    await a.channel(3)
  })
})

describe('queues and consumers', () => {
  it('queues of a vhost', async () => {
    await put('vhosts/queues', {})
    await put('permissions/queues/guest', { configure: '.*', write: '.*', read: '.*' })
    await put('vhost-limits/queues/max-queues', { value: 1 })
    const w = await connect({ vhost: 'queues' })
    await w.channel(CH)
    const q = await declareQueue(w)
    w.send(CH, MethodId.QueueDeclare, { queue: 'more' })
    expect(await refused(w)).toEqual([
      406,
      "PRECONDITION_FAILED - cannot declare queue 'more': queue limit in vhost 'queues' (1) is reached",
    ])
    await declareQueue(w, { queue: q })
  })

  it('consumers of a channel', async () => {
    const w = await connect()
    await w.channel(CH)
    const q = await declareQueue(w)
    for (let i = 0; i < 2; i++) await consume(w, q)
    w.send(CH, MethodId.BasicConsume, { queue: q })
    expect(await w.expect(0, MethodId.ConnectionClose)).toMatchObject({
      replyCode: 530,
      replyText: 'NOT_ALLOWED - reached maximum (2) of consumers per channel',
    })
  })
})

describe('messages', () => {
  it('have bodies up to the size that is set', async () => {
    const w = await connect()
    await w.channel(CH)
    await confirmSelect(w)
    const q = await declareQueue(w)
    w.publish(CH, { routingKey: q, body: 'x'.repeat(1000) })
    await confirmed(w, 1)
    w.publish(CH, { routingKey: q, body: 'x'.repeat(1001) })
    expect(await refused(w)).toEqual([
      406,
      'PRECONDITION_FAILED - message size 1001 is larger than configured max size 1000',
    ])
    expect((await counts(w, q)).messages).toBe(1)
  })

  it('are refused when their size is announced, before any of the body has come', async () => {
    const w = await connect()
    await w.channel(CH)
    const q = await declareQueue(w)
    const frames = publishFrames(CH, { routingKey: q, body: 'x'.repeat(1001) })
    w.write(frames.subarray(0, frames.length - 1001 - 8))
    expect((await refused(w))[0]).toBe(406)
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
  })

  it('come in transactions up to the size that is set', async () => {
    const w = await connect()
    await w.channel(CH)
    const q = await declareQueue(w)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    const publish = (): void => {
      for (let i = 0; i < 4; i++) w.publish(CH, { routingKey: q, body: 'x'.repeat(1000) })
    }
    for (let i = 0; i < 2; i++) {
      publish()
      await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    }
    expect((await counts(w, q)).messages).toBe(8)
    publish()
    publish()
    expect(await refused(w)).toEqual([406, 'PRECONDITION_FAILED - transaction is larger than 5000 octets'])
    expect((await counts(w, q)).messages).toBe(8)
  })

  it('have headers of a frame, at most', async () => {
    const w = await connect()
    await w.channel(CH)
    const q = await declareQueue(w)
    const headers = (bytes: number) => table({ h: 'x'.repeat(bytes) })
    w.publish(CH, { routingKey: q, properties: { headers: headers(FRAME_BYTES_MAX - 100) } })
    await holds(w, q, 1)
    w.publish(CH, { routingKey: q, properties: { headers: headers(FRAME_BYTES_MAX) } })
    const close = await w.expect(0, MethodId.ConnectionClose)
    expect(close.replyCode).toBe(501)
    expect(close.replyText).toContain('frame_too_large')
  })

  it('have tables within tables down to a depth', async () => {
    const nested = (depth: number): ReturnType<typeof table> => {
      let t = table({ end: 1 })
      for (let i = 0; i < depth; i++) t = table({ t })
      return t
    }
    const w = await connect()
    await w.channel(CH)
    const q = await declareQueue(w, { arguments: nested(TABLE_DEPTH_MAX) })
    w.publish(CH, { routingKey: q, properties: { headers: nested(TABLE_DEPTH_MAX) } })
    await holds(w, q, 1)
    w.publish(CH, { routingKey: q, properties: { headers: nested(TABLE_DEPTH_MAX + 1) } })
    expect(await w.expect(0, MethodId.ConnectionClose)).toMatchObject({
      replyCode: 501,
      replyText: `FRAME_ERROR - field table nested deeper than ${TABLE_DEPTH_MAX}`,
    })
  })
})
