/**
 * A message that the broker cannot handle, injected: whatever is being done with it, it is set aside, once and for
 * everybody to see; those behind it, their consumers and the broker go on.
 */
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import type { Segment } from '../../src/broker/messages/segment.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { ChannelConsumer } from '../../src/channel/consumer.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Http } from '../management/target.ts'
import { runCommand } from '../support/ctl.ts'
import { testFolder } from '../support/folder.ts'
import type { RunningNode } from '../support/running-node.ts'
import {
  bindQueue,
  CH,
  confirmed,
  confirmSelect,
  consume,
  counts,
  declareExchange,
  declareQueue,
  get,
  holds,
} from '../support/session.ts'
import { until } from '../support/until.ts'
import { table, type Wire } from '../support/wire.ts'
import { bodies, open, POISON, parked, poisonSegments, publish, queueOf, setUp, start } from './poison.ts'

// Here: a file that tests share is evaluated once for several of them, and its hooks are those of the first.
afterEach(() => void vi.restoreAllMocks())

type Args = Parameters<typeof table>[0]

/** It is an ordinary broker for everybody else. */
async function stillWorks(leveret: RunningNode): Promise<void> {
  const w = await open(leveret)
  const queue = await declareQueue(w)
  await consume(w, queue, { noAck: true })
  w.publish(CH, { routingKey: queue, body: 'x' })
  expect(await bodies(w, 1)).toEqual(['x'])
}

const kinds: [string, Args][] = [
  ['classic', {}],
  ['priority', { 'x-max-priority': 3 }],
  ['single active consumer', { 'x-single-active-consumer': true }],
  ['quorum', { 'x-queue-type': 'quorum' }],
]
const durable = { exclusive: false, durable: true }

describe.each(kinds)('a %s queue', (_kind, args) => {
  it.each([true, false])('delivers what is behind it (no-ack %s)', async (noAck) => {
    const { leveret, w } = await setUp()
    const queue = await declareQueue(w, { ...durable, arguments: table(args) })
    await consume(w, queue, { noAck })
    publish(w, queue)
    expect(await bodies(w, 2)).toEqual(['a', 'b'])
    expect(parked(leveret, queue)).toEqual(['delivery'])
    expect(queueOf(leveret, queue).counts).toMatchObject({ ready: 0, unacked: noAck ? 0 : 2 })
    expect(leveret.broker.failures.counts.message).toBe(1)
    await stillWorks(leveret)
    // Those that were delivered can be settled, and come back in their order.
    if (!noAck) {
      w.send(CH, MethodId.BasicNack, { deliveryTag: 0, multiple: true, requeue: true })
      expect(await bodies(w, 2)).toEqual(['a', 'b'])
    }
  })

  it('gives what is behind it to basic.get', async () => {
    if ('x-single-active-consumer' in args) return
    const { leveret, w } = await setUp()
    const queue = await declareQueue(w, { ...durable, arguments: table(args) })
    publish(w, queue)
    await holds(w, queue, 3)
    expect(String((await get(w, queue))?.body)).toBe('a')
    expect(String((await get(w, queue))?.body)).toBe('b')
    expect(await get(w, queue)).toBe(undefined)
    expect(parked(leveret, queue)).toEqual(['get'])
    expect(queueOf(leveret, queue).counts.ready).toBe(0)
    await stillWorks(leveret)
  })

  it.each<[string, Args, (w: Wire, queue: string) => Promise<void>]>([
    ['expired', { 'x-message-ttl': 20 }, async () => {}],
    ['maxlen', { 'x-max-length': 0 }, async () => {}],
  ])('dead-letters what is behind it: %s', async (reason, more) => {
    const { leveret, w } = await setUp()
    const target = await declareQueue(w)
    const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': target }
    const queue = await declareQueue(w, { ...durable, arguments: table({ ...args, ...dead, ...more }) })
    publish(w, queue)
    await holds(w, target, 2)
    expect([String((await get(w, target))?.body), String((await get(w, target))?.body)]).toEqual(['a', 'b'])
    expect(parked(leveret, queue)).toEqual([reason])
    expect(queueOf(leveret, queue).counts).toMatchObject({ ready: 0, unacked: 0 })
    await stillWorks(leveret)
  })
})

describe('a stream', () => {
  it('is read on behind it by every consumer, and it is set aside once', async () => {
    const { leveret, w } = await setUp()
    const queue = await declareQueue(w, { ...durable, arguments: table({ 'x-queue-type': 'stream' }) })
    publish(w, queue)
    for (const reader of [w, await open(leveret)]) {
      await reader.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
      await consume(reader, queue, { arguments: table({ 'x-stream-offset': 'first' }) })
      expect(await bodies(reader, 2)).toEqual(['a', 'b'])
    }
    expect(parked(leveret, queue)).toEqual(['delivery'])
    expect(leveret.broker.failures.counts.message).toBe(1)
    await stillWorks(leveret)
  })

  it('is read on where a filter cannot read it', async () => {
    const { leveret, w } = await setUp()
    const queue = await declareQueue(w, { ...durable, arguments: table({ 'x-queue-type': 'stream' }) })
    publish(w, queue, '', { headers: table({ 'x-stream-filter-value': 'v' }) })
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
    const filter = { 'x-stream-offset': 'first', 'x-stream-filter': 'v' }
    await consume(w, queue, { arguments: table(filter) })
    expect(await bodies(w, 2)).toEqual(['a', 'b'])
    expect(parked(leveret, queue)).toEqual(['delivery'])
  })
})

describe('dead lettering', () => {
  const deadLetterTo = (target: string): Args => ({
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': target,
  })
  /** Messages can be delivered, and only then no longer be read. */
  async function reject(args: Args, how: object, times = 1): Promise<string[]> {
    const leveret = await start()
    onTestFinished(() => leveret.close())
    const w = await open(leveret)
    const target = await declareQueue(w)
    const all = table({ ...deadLetterTo(target), ...args })
    const queue = await declareQueue(w, { ...durable, arguments: all })
    await consume(w, queue)
    publish(w, queue)
    for (let i = 1; i <= times; i++) {
      expect(await bodies(w, 3)).toEqual(['a', POISON, 'b'])
      if (i === times) poisonSegments()
      w.send(CH, MethodId.BasicNack, { deliveryTag: 0, multiple: true, ...how })
    }
    await holds(w, target, 2)
    expect(queueOf(leveret, queue).counts).toMatchObject({ ready: 0, unacked: 0 })
    await stillWorks(leveret)
    return parked(leveret, queue)
  }

  it('of what is rejected', async () => {
    expect(await reject({}, { requeue: false })).toEqual(['rejected'])
  })

  it('of what has come back too often', async () => {
    const quorum = { 'x-queue-type': 'quorum', 'x-delivery-limit': 0 }
    expect(await reject(quorum, { requeue: true })).toEqual(['delivery_limit'])
  })

  it('at least once', async () => {
    const quorum = {
      'x-queue-type': 'quorum',
      'x-overflow': 'reject-publish',
      'x-dead-letter-strategy': 'at-least-once',
    }
    expect(await reject(quorum, { requeue: false })).toEqual(['rejected'])
  })
})

describe('a delayed exchange', () => {
  it('hands over what is behind it, and keeps it on disk', async () => {
    const dir = testFolder('parked')
    const settings = { storage: 'lmdb', dataDir: dir } as const
    let leveret = await start(settings)
    const w = await open(leveret)
    const delayed = { durable: true, autoDelete: false, arguments: table({ 'x-delayed-type': 'fanout' }) }
    const exchange = await declareExchange(w, 'x-delayed-message', delayed)
    const queue = await declareQueue(w, durable)
    await bindQueue(w, queue, exchange)
    await confirmSelect(w)
    const x = leveret.broker.vhosts.get('/')?.exchanges.get(exchange) as Exchange
    const failing = vi.spyOn(x.routing, 'route').mockImplementationOnce(() => {
      throw new Error('this one cannot be routed')
    })
    for (const [i, body] of [POISON, 'a', 'b'].entries())
      w.publish(CH, {
        exchange,
        routingKey: '',
        body,
        properties: { deliveryMode: 2, headers: table({ 'x-delay': 30 + i }) },
      })
    await confirmed(w, 3)
    await holds(w, queue, 2)
    expect(failing).toHaveBeenCalled()
    expect([...leveret.broker.delays.aside].map((m) => m.during)).toEqual(['delay'])
    expect(leveret.broker.delays.dropParked(7)).toBe(false)
    w.socket.destroy()
    await leveret.close()
    leveret = await start(settings)
    onTestFinished(() => leveret.close())
    await holds(await open(leveret), queue, 3)
  })
})

function breakHalfWay(): void {
  const prototype = ChannelConsumer.prototype as unknown as { write(...args: unknown[]): void }
  const { write } = prototype
  vi.spyOn(prototype, 'write').mockImplementation(function (this: ChannelConsumer, ...args) {
    const [, segment, index] = args as [Queue, Segment, number]
    write.apply(this, args)
    if (String(segment.content(index).body) === POISON) throw new Error('half-way')
  })
}

describe('a delivery that breaks its connection half-way', () => {
  it('is tried once more on another one, and then set aside', async () => {
    const leveret = await start()
    onTestFinished(() => leveret.close())
    const w = await open(leveret)
    const queue = await declareQueue(w, { exclusive: false })
    publish(w, queue)
    await holds(w, queue, 3)
    breakHalfWay()
    for (let i = 0; i < 2; i++) {
      const victim = await open(leveret)
      const closed = new Promise((resolve) => victim.socket.once('close', resolve))
      victim.send(CH, MethodId.BasicConsume, { queue })
      await closed
      await holds(w, queue, i === 0 ? 3 : 2)
    }
    expect(parked(leveret, queue)).toEqual(['delivery'])
    const reader = await open(leveret)
    await consume(reader, queue)
    expect((await bodies(reader, 2)).sort()).toEqual(['a', 'b'])
    await stillWorks(leveret)
  })

  it('is skipped by the third reader of a stream, until it is released', async () => {
    const leveret = await start()
    onTestFinished(() => leveret.close())
    const w = await open(leveret)
    const queue = await declareQueue(w, { ...durable, arguments: table({ 'x-queue-type': 'stream' }) })
    publish(w, queue)
    await holds(w, queue, 3)
    breakHalfWay()
    const fromFirst = { queue, arguments: table({ 'x-stream-offset': 'first' }) }
    const breaks = async (): Promise<void> => {
      const victim = await open(leveret)
      const closed = new Promise((resolve) => victim.socket.once('close', resolve))
      await victim.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
      victim.send(CH, MethodId.BasicConsume, fromFirst)
      await closed
    }
    await breaks()
    expect(parked(leveret, queue)).toEqual([])
    await breaks()
    expect(parked(leveret, queue)).toEqual(['delivery'])
    const reader = await open(leveret)
    await reader.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
    await consume(reader, queue, { arguments: fromFirst.arguments })
    expect(await bodies(reader, 2)).toEqual(['a', 'b'])
    expect(queueOf(leveret, queue).releaseParked()).toBe(1)
    await breaks()
    await stillWorks(leveret)
  })
})

describe('what has been set aside', () => {
  it('comes back when it is released, and with a restart', async () => {
    const dir = testFolder('parked')
    const settings = { storage: 'lmdb', dataDir: dir } as const
    poisonSegments()
    let leveret = await start(settings)
    let w = await open(leveret)
    const queue = await declareQueue(w, durable)
    await confirmSelect(w)
    publish(w, queue, '', { deliveryMode: 2 })
    await confirmed(w, 3)
    expect(String((await get(w, queue))?.body)).toBe('a')
    expect(String((await get(w, queue))?.body)).toBe('b')
    expect(parked(leveret, queue)).toEqual(['get'])
    expect(queueOf(leveret, queue).releaseParked()).toBe(1)
    expect((await counts(w, queue)).messages).toBe(1)
    expect(await get(w, queue)).toBe(undefined)
    expect(parked(leveret, queue)).toEqual(['get'])
    w.socket.destroy()
    await leveret.close()
    vi.restoreAllMocks()
    leveret = await start(settings)
    onTestFinished(() => leveret.close())
    w = await open(leveret)
    expect(String((await get(w, queue))?.body)).toBe(POISON)
    expect(parked(leveret, queue)).toEqual([])
  })

  it('is listed over HTTP, by the command line and in the metrics', async () => {
    poisonSegments()
    const at = { port: 0, bind: '127.0.0.1' }
    const leveret = await start({ management: [at], metrics: [at] })
    onTestFinished(() => leveret.close())
    const w = await open(leveret)
    const queue = await declareQueue(w, { exclusive: false })
    publish(w, queue)
    await holds(w, queue, 3)
    const http = new Http()
    http.base = `http://127.0.0.1:${leveret.managementPort}`
    const body = { count: 5, ackmode: 'ack_requeue_false', encoding: 'auto' }
    const taken = await http.post(`queues/%2F/${queue}/get`, body)
    expect(taken.json.map((m: { payload: string }) => m.payload)).toEqual(['a', 'b'])
    const row = {
      vhost: '/',
      queue,
      number: 1,
      during: 'get',
      reason: 'this one cannot be read',
      parked_at: expect.any(Number),
    }
    expect((await http.get('parked-messages')).json).toEqual([row])
    expect((await http.get('parked-messages/%2F')).json).toEqual([row])
    const url = `http://guest:guest@127.0.0.1:${leveret.managementPort}`
    const listed = await runCommand(['list_parked_messages', '-q', '--url', url])
    expect([listed.code, listed.stderr]).toEqual([0, ''])
    expect(listed.stdout).toContain(`${queue}\t1\tget\tthis one cannot be read`)
    const metrics = await (await fetch(`http://127.0.0.1:${leveret.metricsPort}/metrics`)).text()
    expect(metrics).toContain('leveret_messages_parked 1\n')
    expect(metrics).toContain('leveret_failures_total{owner="message"} 1\n')
    // Looking at it does not fail either, and the list of queues is there for everybody.
    vi.restoreAllMocks()
    const released = await runCommand(['release_parked_messages', '-q', '--url', url, queue])
    expect([released.code, released.stdout]).toEqual([0, 'released\n1\n'])
    poisonSegments()
    const [seen] = (await http.get(`queues/%2F/${queue}/peek`)).json
    expect(seen).toMatchObject({ number: 1, unreadable: 'Error: this one cannot be read' })
    expect((await http.get('queues')).json[0]).toMatchObject({ name: queue, messages_ready: 1 })
    vi.restoreAllMocks()
    expect((await http.post(`queues/%2F/${queue}/get`, body)).json[0].payload).toBe(POISON)
  })

  it('goes with its queue', async () => {
    const { leveret, w } = await setUp()
    const queue = await declareQueue(w, { exclusive: false })
    publish(w, queue)
    await holds(w, queue, 3)
    await get(w, queue)
    await get(w, queue)
    await w.call(CH, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
    await until(() => queueOf(leveret, queue) === undefined)
    await stillWorks(leveret)
  })
})
