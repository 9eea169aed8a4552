/** Messages that were set aside are dropped or released one by one. */
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Http } from '../management/target.ts'
import { runCommand } from '../support/ctl.ts'
import { testFolder } from '../support/folder.ts'
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
import { table } from '../support/wire.ts'
import { bodies, open, POISON, parked, poisonSegments, publish, queueOf, start } from './poison.ts'

// Here: a file that tests share is evaluated once for several of them, and its hooks are those of the first.
afterEach(() => void vi.restoreAllMocks())

const durable = { exclusive: false, durable: true }

describe('one message that has been set aside', () => {
  it('is dropped or released one by one, by the command line too', async () => {
    const dir = testFolder('parked')
    poisonSegments()
    const at = { port: 0, bind: '127.0.0.1' }
    const settings = { storage: 'lmdb', dataDir: dir, management: [at] } as const
    let leveret = await start(settings)
    let w = await open(leveret)
    const queue = await declareQueue(w, durable)
    await confirmSelect(w)
    for (let i = 0; i < 4; i++)
      w.publish(CH, { routingKey: queue, body: `${POISON} ${i}`, properties: { deliveryMode: 2 } })
    await confirmed(w, 4)
    expect(await get(w, queue)).toBe(undefined)
    const http = new Http()
    http.base = `http://127.0.0.1:${leveret.managementPort}`
    const numbers = (): number[] => [...queueOf(leveret, queue).aside].map((m) => m.number)
    expect(numbers()).toEqual([0, 1, 2, 3])
    const one = `queues/%2F/${queue}/parked-messages`
    expect((await http.delete(`${one}/1`)).status).toBe(204)
    expect((await http.delete(`${one}/1`)).status).toBe(404)
    expect((await http.post(`${one}/9/release`)).status).toBe(404)
    expect((await http.delete(`${one}/x`)).status).toBe(400)
    const url = `http://guest:guest@127.0.0.1:${leveret.managementPort}`
    const dropped = await runCommand(['delete_parked_message', '-q', '--url', url, queue, '3'])
    expect([dropped.code, dropped.stderr]).toEqual([0, ''])
    expect(numbers()).toEqual([0, 2])
    expect(queueOf(leveret, queue).counts).toMatchObject({ ready: 0, unacked: 0 })
    vi.restoreAllMocks()
    const released = await runCommand(['release_parked_messages', '-q', '--url', url, queue, '2'])
    expect([released.code, released.stdout]).toEqual([0, 'released\n1\n'])
    expect(String((await get(w, queue, true))?.body)).toBe(`${POISON} 2`)
    expect(numbers()).toEqual([0])
    w.socket.destroy()
    await leveret.close()
    leveret = await start(settings)
    onTestFinished(() => leveret.close())
    w = await open(leveret)
    expect((await counts(w, queue)).messages).toBe(1)
    expect(String((await get(w, queue))?.body)).toBe(`${POISON} 0`)
  })

  it('is dropped by whoever may read the queue, and not out of a stream', async () => {
    poisonSegments()
    const leveret = await start({ management: [{ port: 0, bind: '127.0.0.1' }] })
    onTestFinished(() => leveret.close())
    const w = await open(leveret)
    const http = new Http()
    http.base = `http://127.0.0.1:${leveret.managementPort}`
    await http.put('users/ann', { password: 'ann', tags: 'management' })
    await http.put('permissions/%2F/ann', { configure: '.*', write: '.*', read: '' })
    const queue = await declareQueue(w, { exclusive: false })
    publish(w, queue)
    await holds(w, queue, 3)
    for (let i = 0; i < 2; i++) await get(w, queue)
    const one = `queues/%2F/${queue}/parked-messages/1`
    for (const [method, path] of [
      ['DELETE', one],
      ['POST', `${one}/release`],
    ] as const)
      expect((await http.call(method, path, undefined, 'ann:ann')).status).toBe(401)
    const stream = await declareQueue(w, { ...durable, arguments: table({ 'x-queue-type': 'stream' }) })
    publish(w, stream)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
    await consume(w, stream, { arguments: table({ 'x-stream-offset': 'first' }) })
    await bodies(w, 2)
    const parkedOne = [...queueOf(leveret, stream).aside][0]?.number
    const inStream = `queues/%2F/${stream}/parked-messages/${parkedOne}`
    expect((await http.delete(inStream)).status).toBe(400)
    expect((await http.post(`${inStream}/release`)).status).toBe(204)
    expect(parked(leveret, stream)).toEqual([])
  })
})

describe('a message that a delayed exchange has set aside', () => {
  it.each(['released', 'dropped'])('is %s on request, and does not come back', async (how) => {
    const dir = testFolder('parked')
    const settings = { storage: 'lmdb', dataDir: dir, management: [{ port: 0, bind: '127.0.0.1' }] } as const
    let leveret = await start(settings)
    const w = await open(leveret)
    const delayed = { durable: true, autoDelete: false, arguments: table({ 'x-delayed-type': 'fanout' }) }
    const exchange = await declareExchange(w, 'x-delayed-message', delayed)
    const queue = await declareQueue(w, durable)
    await bindQueue(w, queue, exchange)
    const x = leveret.broker.vhosts.get('/')?.exchanges.get(exchange) as Exchange
    vi.spyOn(x.routing, 'route').mockImplementationOnce(() => {
      throw new Error('this one cannot be routed')
    })
    const properties = { deliveryMode: 2, headers: table({ 'x-delay': 10 }) }
    w.publish(CH, { exchange, routingKey: '', body: 'late', properties })
    const { delays } = leveret.broker
    await until(() => delays.aside.size === 1)
    const number = [...delays.aside][0]?.number as number
    const url = `http://guest:guest@127.0.0.1:${leveret.managementPort}`
    const command = how === 'released' ? 'release_parked_messages' : 'delete_parked_message'
    const ran = await runCommand([command, '-q', '--url', url, '-', String(number)])
    expect([ran.code, ran.stderr]).toEqual([0, ''])
    expect(delays.aside.size).toBe(0)
    if (how === 'released') expect(String((await get(w, queue, true))?.body)).toBe('late')
    w.socket.destroy()
    await leveret.close()
    leveret = await start(settings)
    onTestFinished(() => leveret.close())
    // The second in which it was due may still be on disk, with nothing in it.
    const again = leveret.broker.delays
    await until(() => again.size === 0)
    expect(again.aside.size).toBe(0)
    expect((await counts(await open(leveret), queue)).messages).toBe(0)
  })
})
