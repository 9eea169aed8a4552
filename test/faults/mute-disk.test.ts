/** The stop of a broker whose disk never answers a write: a thread of the process stays in it. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { STOP_MS_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { FailingDisk, means } from '../support/failing-disk.ts'
import { testFolder } from '../support/folder.ts'
import { startProcess } from '../support/process.ts'
import { publishFrames, Wire } from '../support/wire.ts'

const QUEUE = 'precious'
/** Too long for the event loop to write it itself, which a disk that does not answer would stop for good. */
const body = 'x'.repeat(32 * 1024)
const persistent = publishFrames(1, { routingKey: QUEUE, body, properties: { deliveryMode: 2 } })

describe.runIf(means.includes('the C library'))('a journal that the disk never answers about', () => {
  it('the broker ends all the same, says why, and the next one has what was confirmed', async () => {
    expect(STOP_MS_MAX).toBe(60_000)
    const dir = testFolder('mute')
    const dataDir = join(dir, 'data')
    mkdirSync(dataDir)
    const disk = new FailingDisk(dir, 'the C library')
    const start = async (environment: Readonly<Record<string, string>>, preload?: string) => {
      const broker = await startProcess(dataDir, 0, [], environment, preload)
      onTestFinished(async () => void (await broker.stop('SIGKILL')))
      return broker
    }
    const broker = await start(disk.environment, 'test/support/short-minutes.cjs')
    const w = await Wire.open(broker.url)
    await w.channel(1)
    await w.call(1, MethodId.QueueDeclare, { queue: QUEUE, durable: true }, MethodId.QueueDeclareOk)
    await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
    for (let n = 0; n < 3; n++) {
      w.write(persistent)
      await w.expect(1, MethodId.BasicAck)
    }
    disk.fail('HANG')
    w.write(persistent)
    await w.call(1, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    expect(await broker.stop('SIGTERM')).not.toBe(0)
    const last = broker.lines.at(-1) ?? ''
    expect(last).toContain('stopped, but not everything could be written to the store')
    expect(last).toContain('has not answered for 60 s')

    const again = await start({})
    const reader = await Wire.open(again.url)
    await reader.channel(1)
    const declared = await reader.call(
      1,
      MethodId.QueueDeclare,
      { queue: QUEUE, passive: true },
      MethodId.QueueDeclareOk,
    )
    expect(declared.messageCount).toBeGreaterThanOrEqual(3)
    expect(await again.stop('SIGTERM')).toBe(0)
  })
})
