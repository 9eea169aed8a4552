import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Alarms } from '../../src/broker/alarm/alarms.ts'
import { createBroker } from '../../src/index.ts'
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
  session,
} from '../support/session.ts'
import { until } from '../support/until.ts'
import { publishFrames, Wire } from '../support/wire.ts'

describe('alarms', () => {
  it('go on and off with what is used, and say why', () => {
    const clock = new ManualClock()
    let [memory, disk] = [50, 500]
    const resources = { memoryUsed: () => memory, diskFree: () => disk }
    const alarms = new Alarms({ memory: 100, diskFree: 100 }, resources, clock)
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
    expect(String((await deliveries(consumer, 1))[0]?.body)).toBe('one')
    expect((await counts(consumer, q)).messages).toBe(0)
    expect(consumer.inbox).toEqual([])
    publisher.socket.destroy()
  })

  it('a broker under ten publishers stays in its bounds, and takes up again when consumers have come', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'leveret-alarm-'))
    const config = join(dir, 'rabbitmq.conf')
    const limit = 260
    writeFileSync(config, `vm_memory_high_watermark.absolute = ${limit}MiB\n`)
    const p = await startProcess(join(dir, 'data'), 0, ['--config', config])
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
      most = Math.max(most, p.residentBytes() / 1024 / 1024)
    }
    for (let i = 0; i < 40; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      sample()
    }
    stopped = true
    // What is on its way when the alarm is seen comes on top.
    expect(most).toBeLessThan(limit * 1.5)
    expect(publishers.some((w) => w.inbox.some((r) => r.method.id === MethodId.ConnectionBlocked))).toBe(true)
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
