import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import amqp from 'amqplib'
import { beforeEach, describe, expect, it } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { backUp, restoreFolder } from '../../src/storage/backup.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { testFolder } from '../support/folder.ts'
import { runCli, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'

let dir: string

beforeEach(() => {
  dir = testFolder('backup')
})

/** Publishes numbers until it is told to stop, and knows how many are confirmed. */
async function publisher(
  url: string,
  queue: string,
): Promise<{ confirmed(): number; stop(): Promise<void> }> {
  const client = await amqp.connect(url)
  const ch = await client.createConfirmChannel()
  await ch.assertQueue(queue)
  let confirmed = 0
  let stopped = false
  const run = async (): Promise<void> => {
    for (let n = 0; !stopped; n += 50) {
      for (let i = n; i < n + 50; i++)
        ch.sendToQueue(queue, Buffer.from(String(i).padEnd(i % 7 === 0 ? 20_000 : 10)), { persistent: true })
      await ch.waitForConfirms()
      confirmed = n + 50
    }
  }
  const done = run()
  return {
    confirmed: () => confirmed,
    stop: async () => {
      stopped = true
      await done
      await client.close()
    },
  }
}

/** Everything that a folder's broker has in the queue, in order. */
async function numbersIn(dataDir: string, queue: string): Promise<number[]> {
  const broker = await createBroker({ port: 0, dataDir })
  const client = await amqp.connect(broker.url)
  const ch = await client.createChannel()
  const { messageCount } = await ch.checkQueue(queue)
  const found: number[] = []
  await ch.consume(queue, (m) => void found.push(Number(m?.content.toString())), { noAck: true })
  await until(() => found.length === messageCount, 'all messages')
  await client.close()
  await broker.close()
  return found
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('leveret backup', () => {
  it('under load, again and again, has all that was confirmed before, in order, and is restored', async () => {
    const dataDir = join(dir, 'data')
    const p = await startProcess(dataDir)
    const load = await publisher(p.url, 'q')
    const taken: { before: number; after: number }[] = []
    for (let i = 0; i < 3; i++) {
      const start = load.confirmed()
      await until(() => load.confirmed() > start + 200, 'some load')
      const before = load.confirmed()
      const r = await runCli(['backup', join(dir, `copy${i}`), '--data-dir', dataDir])
      expect([r.code, r.stderr]).toEqual([0, ''])
      taken.push({ before, after: load.confirmed() + 50 })
    }
    await load.stop()
    const all = load.confirmed()
    await p.stop('SIGKILL')
    for (const [i, { before, after }] of taken.entries()) {
      const copy = join(dir, `copy${i}`)
      expect(statSync(copy).mode & 0o777).toBe(0o700)
      for (const name of readdirSync(copy)) {
        expect(name).toMatch(/^(data\.mdb|leveret\.store|\d+\.journal)$/)
        expect(statSync(join(copy, name)).mode & 0o777).toBe(0o600)
      }
      expect((await runCli(['check', copy])).stdout).toContain('nothing damaged')
      const restored = join(dir, `restored${i}`)
      const r = await runCli(['restore', copy, '--data-dir', restored])
      expect([r.code, r.stderr, r.stdout]).toEqual([0, '', expect.stringContaining('nothing damaged')])
      const found = await numbersIn(restored, 'q')
      expect(found).toEqual(upTo(found.length))
      expect(found.length).toBeGreaterThanOrEqual(before)
      expect(found.length).toBeLessThanOrEqual(after)
    }
    // The broker that was copied has lost nothing by it.
    expect((await numbersIn(dataDir, 'q')).slice(0, all)).toEqual(upTo(all))
  })

  it('brings users, vhosts, policies and bindings with it', async () => {
    const dataDir = join(dir, 'data')
    const broker = await createBroker({
      port: 0,
      dataDir,
      vhosts: ['v'],
      users: [{ name: 'a', password: 'b' }],
    })
    const client = await amqp.connect(broker.url)
    const ch = await client.createChannel()
    await ch.assertExchange('x', 'topic')
    await ch.assertQueue('q')
    await ch.bindQueue('q', 'x', '#')
    await broker.setPolicy({ name: 'p', pattern: '', definition: { 'max-length': 2 } })
    expect((await runCli(['backup', join(dir, 'copy'), '--data-dir', dataDir])).code).toBe(0)
    await client.close()
    await broker.close()
    await restoreFolder(join(dir, 'copy'), join(dir, 'restored'), () => {})
    const again = await createBroker({ port: 0, dataDir: join(dir, 'restored'), users: [] })
    const other = await amqp.connect(`amqp://a:b@127.0.0.1:${again.port}/v`)
    await other.close()
    const known = await amqp.connect(`amqp://a:b@127.0.0.1:${again.port}`)
    const confirming = await known.createConfirmChannel()
    for (const m of ['1', '2', '3']) confirming.publish('x', 'k', Buffer.from(m))
    await confirming.waitForConfirms()
    expect(again.queue('q')).toMatchObject({ ready: 2 })
    await known.close()
    await again.close()
  })

  it('is refused where something is already, over the network, and without a folder to copy', async () => {
    const dataDir = join(dir, 'data')
    const broker = await createBroker({ port: 0, managementPort: 0, dataDir })
    mkdirSync(join(dir, 'full'))
    writeFileSync(join(dir, 'full', 'mine'), '')
    const full = await runCli(['backup', join(dir, 'full'), '--data-dir', dataDir])
    expect([full.code, full.stderr]).toEqual([
      69,
      expect.stringContaining('is not empty; choose an empty folder'),
    ])
    expect(readdirSync(join(dir, 'full'))).toEqual(['mine'])
    const file = await runCli(['backup', join(dir, 'full', 'mine', 'x'), '--data-dir', dataDir])
    expect([file.code, file.stderr]).toEqual([69, expect.stringContaining('ENOTDIR')])
    const url = `http://guest:guest@127.0.0.1:${broker.managementPort}`
    const far = await runCli(['backup', join(dir, 'far'), '--url', url])
    expect([far.code, far.stderr]).toEqual([77, expect.stringContaining('control socket only')])
    expect(existsSync(join(dir, 'far'))).toBe(false)
    await broker.close()
    await expect(backUp(new MemoryStorage(), join(dir, 'none'))).rejects.toMatchObject({ code: 'IO' })
  })

  it('takes an empty folder, and replaces what an earlier one has left unfinished', async () => {
    const dataDir = join(dir, 'data')
    const broker = await createBroker({ port: 0, dataDir })
    mkdirSync(join(dir, 'copy'))
    mkdirSync(join(dir, 'copy.partial'))
    writeFileSync(join(dir, 'copy.partial', 'data.mdb'), 'torn')
    expect((await runCli(['backup', join(dir, 'copy'), '--data-dir', dataDir])).code).toBe(0)
    expect(existsSync(join(dir, 'copy.partial'))).toBe(false)
    await broker.close()
    await (await createBroker({ port: 0, dataDir: join(dir, 'copy') })).close()
  })
})

describe('leveret restore', () => {
  it('takes the plain copy of the folder of a broker that has ended, or was killed', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const dataDir = join(dir, signal)
      const p = await startProcess(dataDir)
      const load = await publisher(p.url, 'q')
      await until(() => load.confirmed() > 100, 'some load')
      await load.stop()
      await p.stop(signal)
      const to = join(dir, `${signal}-restored`)
      expect((await runCli(['restore', dataDir, '--data-dir', to])).code).toBe(0)
      expect(await numbersIn(to, 'q')).toEqual(upTo(load.confirmed()))
    }
  })

  it('touches no folder with something in it, and leaves nothing where the copy is damaged', async () => {
    const dataDir = join(dir, 'data')
    const broker = await createBroker({ port: 0, dataDir })
    expect((await runCli(['backup', join(dir, 'copy'), '--data-dir', dataDir])).code).toBe(0)
    const used = await runCli(['restore', join(dir, 'copy'), '--data-dir', dataDir])
    expect([used.code, used.stderr]).toEqual([1, expect.stringContaining('is not empty')])
    await broker.close()
    const none = await runCli(['restore', dir, '--data-dir', join(dir, 'new')])
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('it is not a backup')])
    const file = join(dir, 'copy', 'data.mdb')
    writeFileSync(file, readFileSync(file).subarray(0, 5000))
    const torn = await runCli(['restore', join(dir, 'copy'), '--data-dir', join(dir, 'new')])
    expect(torn.code).toBe(1)
    expect([existsSync(join(dir, 'new')), existsSync(join(dir, 'new.partial'))]).toEqual([false, false])
  })
})
