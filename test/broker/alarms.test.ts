import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Alarms } from '../../src/alarms/alarms.ts'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { startProcess } from '../support/process.ts'
import {
  CH,
  confirmed,
  confirmSelect,
  consume,
  counts,
  declareQueue,
  deliveries,
  get,
  session,
} from '../support/session.ts'
import { until } from '../support/until.ts'
import { publishFrames, Wire } from '../support/wire.ts'

const MIB = 1024 * 1024

describe('alarms', () => {
  it('go on and off with what is used, and say why', () => {
    const clock = new ManualClock()
    let [memory, disk] = [50, 500]
    const resources = { memoryUsed: () => memory, diskFree: () => disk * MIB }
    const alarms = new Alarms({ memory: 100, diskFree: 100 * MIB }, resources, clock)
    const seen: string[] = []
    alarms.onChange(() => seen.push(alarms.active ? alarms.reason : 'clear'))
    alarms.start()
    for (const [m, d] of [
      [150, 500],
      [150, 50],
      [50, 50],
      [50, 500],
    ] as const) {
      memory = m
      disk = d
      clock.pass(1000)
    }
    expect(seen).toEqual(['low on memory', 'low on memory & disk', 'low on disk', 'clear'])
    alarms.stop()
  })
})

describe('the disk', () => {
  function watched(limit: number) {
    const clock = new ManualClock()
    const disk = { free: 5000, reusable: 0 }
    const resources = {
      memoryUsed: () => 0,
      diskFree: () => disk.free * MIB,
      reusable: () => disk.reusable * MIB,
    }
    const alarms = new Alarms({ memory: Number.POSITIVE_INFINITY, diskFree: limit * MIB }, resources, clock)
    alarms.start()
    return { disk, alarms }
  }

  it('has room where the store has room in its file', () => {
    const { disk, alarms } = watched(50)
    disk.free = 40
    alarms.check()
    expect(alarms.disk).toBe(true)
    disk.reusable = 30
    alarms.check()
    expect(alarms.disk).toBe(false)
    alarms.stop()
  })

  it('is looked at after each write once it is low, and never gets quite full', () => {
    const { disk, alarms } = watched(0)
    disk.free = 10
    alarms.written()
    expect([alarms.diskIsLow, alarms.disk]).toEqual([false, false])
    disk.free = 500
    alarms.check()
    expect([alarms.diskIsLow, alarms.disk]).toEqual([true, false])
    disk.free = 10
    alarms.written()
    expect([alarms.diskIsLow, alarms.disk]).toEqual([true, true])
    alarms.stop()
  })
})

describe.each([
  ['forward', 3_600_000],
  ['back', -3_600_000],
])('a clock that is set %s by an hour', (_, jump) => {
  it('changes nothing: disk and memory are looked at as before', () => {
    const clock = new ManualClock()
    let [memory, free, freed] = [50, 500, 0]
    const resources = {
      memoryUsed: () => memory,
      freeMemory: () => void freed++,
      diskFree: () => free * MIB,
    }
    const alarms = new Alarms({ memory: 100, diskFree: 100 * MIB }, resources, clock)
    alarms.start()
    clock.pass(1000)
    clock.jump(jump)
    free = 50
    clock.pass(1000)
    clock.pass(100)
    expect(alarms.disk).toBe(true)
    memory = 150
    clock.pass(100)
    clock.jump(jump)
    clock.pass(1000)
    clock.pass(100)
    expect(freed).toBeGreaterThan(0)
    alarms.stop()
  })
})

describe('memory that nobody uses', () => {
  it('is freed while the memory alarm is on, more and more seldom', () => {
    const clock = new ManualClock()
    let used = 150
    const freed: number[] = []
    const freeMemory = (): void => void freed.push(clock.now())
    const resources = { memoryUsed: () => used, freeMemory, diskFree: () => undefined }
    const alarms = new Alarms({ memory: 100, diskFree: 0 }, resources, clock)
    const begin = clock.now()
    alarms.start()
    for (let i = 0; i < 1000; i++) clock.pass(100)
    const pauses = freed.map((at, i) => Math.round((at - (freed[i - 1] ?? begin)) / 1000))
    expect(pauses).toEqual([0, 1, 2, 4, 8, 16, 30, 30])
    used = 50
    clock.pass(1000)
    expect(alarms.active).toBe(false)
    used = 150
    for (let i = 0; i < 15; i++) clock.pass(100)
    expect([alarms.active, freed.length]).toEqual([true, 9])
    alarms.stop()
  })

  it('ends the alarm where that is enough', () => {
    const clock = new ManualClock()
    let used = 150
    const freeMemory = (): void => {
      used = 50
    }
    const alarms = new Alarms(
      { memory: 100, diskFree: 0 },
      { memoryUsed: () => used, freeMemory, diskFree: () => undefined },
      clock,
    )
    const seen: boolean[] = []
    alarms.onChange(() => seen.push(alarms.active))
    alarms.start()
    clock.pass(1000)
    expect(seen).toEqual([true, false])
    alarms.stop()
  })
})

/** Sets the limit of the memory alarm over HTTP. */
function memoryLimit(broker: RunningBroker): (octets: number) => Promise<void> {
  const api = `http://127.0.0.1:${broker.managementPort}/api/nodes`
  const headers = { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' }
  return async (memory) => {
    const [{ name }] = (await (await fetch(api, { headers })).json()) as [{ name: string }]
    const body = JSON.stringify({ memory })
    expect((await fetch(`${api}/${name}/limits`, { method: 'PUT', headers, body })).status).toBe(204)
  }
}

describe('while an alarm is on', () => {
  it('whoever publishes is told and not read; consumers go on; all goes on when it is over', async () => {
    // A limit that is exceeded from the start: nothing clears the alarm but the end of the test.
    const broker = await createBroker({ port: 0, memoryLimit: 1 })
    onTestFinished(() => broker.close())
    const capabilities = { 'connection.blocked': true }
    const publisher = await session(broker, { capabilities })
    const consumer = await session(broker, { capabilities })
    const q = await declareQueue(publisher, { exclusive: false })
    publisher.publish(CH, { routingKey: q, body: 'one' })
    const blocked = await publisher.expect(0, MethodId.ConnectionBlocked)
    expect(blocked.reason).toBe('low on memory')
    publisher.publish(CH, { routingKey: q, body: 'two' })
    await consume(consumer, q, { noAck: true })
    expect((await counts(consumer, q)).messages).toBe(0)
    expect(consumer.inbox).toEqual([])
    publisher.socket.destroy()
  })

  it('what was published before it stays, and what was held back comes when it is over', async () => {
    const broker = await createBroker({ port: 0, managementPort: 0, memoryLimit: 1e12 })
    onTestFinished(() => broker.close())
    const limit = memoryLimit(broker)
    const w = await session(broker, { capabilities: { 'connection.blocked': true } })
    const q = await declareQueue(w, { exclusive: false })
    const other = await session(broker)
    w.publish(CH, { routingKey: q, body: 'before' })
    expect((await counts(w, q)).messages).toBe(1)
    await limit(1)
    // Requests that do not publish are answered as ever.
    expect(String((await get(w, q))?.body)).toBe('before')
    await consume(other, q, { noAck: true })
    for (const body of ['held', '', 'x'.repeat(300_000)])
      w.publish(CH, { routingKey: q, body, split: 100_000 })
    w.send(CH, MethodId.BasicGet, { queue: q })
    await w.expect(0, MethodId.ConnectionBlocked)
    expect(await counts(other, q)).toEqual({ messages: 0, consumers: 1 })
    expect(other.inbox).toEqual([])
    await limit(1e12)
    await w.expect(0, MethodId.ConnectionUnblocked)
    expect((await deliveries(other, 3)).map((d) => d.body?.length)).toEqual([4, 0, 300_000])
    await w.expect(CH, MethodId.BasicGetEmpty)
  })

  it('a body that has begun waits too, and its message comes when it is over', async () => {
    const broker = await createBroker({ port: 0, managementPort: 0, memoryLimit: 1e12 })
    onTestFinished(() => broker.close())
    const limit = memoryLimit(broker)
    const w = await session(broker, { capabilities: { 'connection.blocked': true } })
    await w.channel(2)
    const q = await declareQueue(w, { exclusive: false })
    const other = await session(broker)
    const frames = publishFrames(CH, { routingKey: q, body: 'x'.repeat(300_000), split: 100_000 })
    w.write(frames.subarray(0, 250_000))
    const heard = (): Promise<unknown> =>
      w.call(2, MethodId.QueueDeclare, { queue: q, passive: true }, MethodId.QueueDeclareOk)
    await limit(1)
    w.write(frames.subarray(250_000, 290_000))
    await w.expect(0, MethodId.ConnectionBlocked)
    w.write(frames.subarray(290_000))
    expect((await counts(other, q)).messages).toBe(0)
    await limit(1e12)
    await w.expect(0, MethodId.ConnectionUnblocked)
    await heard()
    expect((await get(other, q))?.body?.length).toBe(300_000)
  })

  it('nobody publishes over HTTP either', async () => {
    const broker = await createBroker({ port: 0, managementPort: 0, memoryLimit: 1 })
    onTestFinished(() => broker.close())
    const w = await session(broker)
    const q = await declareQueue(w, { exclusive: false })
    const url = `http://127.0.0.1:${broker.managementPort}/api/exchanges/%2F/amq.default/publish`
    const headers = { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' }
    const message = { properties: {}, routing_key: q, payload: 'x', payload_encoding: 'string' }
    const publish = async (): Promise<[number, unknown]> => {
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(message) })
      return [answer.status, await answer.json()]
    }
    expect(await publish()).toEqual([
      503,
      { error: 'blocked', reason: 'publishers are blocked: low on memory' },
    ])
    expect((await counts(w, q)).messages).toBe(0)
    await memoryLimit(broker)(1e12)
    expect(await publish()).toEqual([200, { routed: true }])
    w.socket.destroy()
  })

  it('the broker can be ended: what waits for the end of the alarm is left', async () => {
    const broker = await createBroker({ port: 0, managementPort: 0, memoryLimit: 1e12 })
    const w = await session(broker)
    const q = await declareQueue(w, { exclusive: false })
    const history = { exchange: 'h', type: 'x-recent-history' }
    await w.call(CH, MethodId.ExchangeDeclare, history, MethodId.ExchangeDeclareOk)
    w.publish(CH, { exchange: 'h', body: 'kept' })
    await counts(w, q)
    await memoryLimit(broker)(1)
    await w.call(CH, MethodId.QueueBind, { queue: q, exchange: 'h' }, MethodId.QueueBindOk)
    expect((await counts(w, q)).messages).toBe(0)
    await broker.close()
    w.socket.destroy()
  })

  it('a broker under ten publishers stays in its bounds, and takes up again when consumers have come', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'leveret-alarm-'))
    const config = join(dir, 'rabbitmq.conf')
    const limit = 70
    writeFileSync(config, `vm_memory_high_watermark.absolute = ${limit}MiB\n`)
    // As in packaging/: memory that is freed goes back to the system.
    const environment = { MALLOC_MMAP_THRESHOLD_: '131072' }
    const p = await startProcess(join(dir, 'data'), 0, ['--config', config], environment)
    const control = await Wire.open(p.url)
    await control.channel(CH)
    const publishers: Wire[] = []
    const body = Buffer.alloc(20_000)
    let stopped = false
    for (let i = 0; i < 10; i++) {
      const w = await Wire.open(p.url, { capabilities: { 'connection.blocked': true } })
      await w.channel(CH)
      await w.call(CH, MethodId.QueueDeclare, { queue: `alarm-${i}` }, MethodId.QueueDeclareOk)
      publishers.push(w)
      const frames = publishFrames(CH, { routingKey: `alarm-${i}`, body })
      const flood = (): void => {
        while (!stopped && w.socket.writableLength < 1_000_000) w.write(frames)
      }
      w.socket.on('drain', flood)
      flood()
    }
    let most = 0
    const sample = (): void => {
      most = Math.max(most, p.ownBytes() / 1024 / 1024)
    }
    const isBlocked = (w: Wire): boolean => w.inbox.some((r) => r.method.id === MethodId.ConnectionBlocked)
    // All are told, and none is read any more: what they write stays with them.
    await until(() => {
      sample()
      return publishers.every((w) => isBlocked(w) && w.socket.writableLength >= 1_000_000)
    }, 'all publishers to be held back')
    sample()
    stopped = true
    // What is on its way when the alarm is seen comes on top: some 30 MiB.
    expect(most).toBeLessThan(limit * 2)
    const consumer = await session(p)
    for (let i = 0; i < 10; i++)
      consumer.send(CH, MethodId.BasicConsume, {
        queue: `alarm-${i}`,
        noAck: true,
        nowait: true,
        consumerTag: `c${i}`,
      })
    const drained = async (): Promise<boolean> => {
      consumer.inbox.length = 0
      let left = 0
      for (let i = 0; i < 10; i++) left += (await counts(control, `alarm-${i}`)).messages
      return left === 0
    }
    await until(drained, 'the queues to be empty')
    await until(
      () => publishers.some((w) => w.inbox.some((r) => r.method.id === MethodId.ConnectionUnblocked)),
      'the alarm to end',
    )
    const w = await session(p)
    await confirmSelect(w)
    await w.call(CH, MethodId.QueueDeclare, { queue: 'after' }, MethodId.QueueDeclareOk)
    w.publish(CH, { routingKey: 'after' })
    await confirmed(w, 1)
    for (const x of [...publishers, control]) x.socket.destroy()
    await p.stop('SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  })
})
