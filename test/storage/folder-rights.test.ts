import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import amqp from 'amqplib'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import { testFolder } from '../support/folder.ts'

let dir: string

beforeEach(() => {
  const above = testFolder('rights')
  dir = join(above, 'data')
})

const modeOf = (path: string): number => statSync(path).mode & 0o777

async function store(): Promise<string[]> {
  const said: string[] = []
  const s = await LmdbStorage.open(dir, { notice: (text) => said.push(text) })
  await s.close()
  return said
}

describe.skipIf(process.platform === 'win32')('the data folder', () => {
  it('is its owner’s alone, and so is every file in it, while a broker runs and after it', async () => {
    const mask = process.umask(0)
    onTestFinished(() => void process.umask(mask))
    const broker = await createBroker({ port: 0, storage: 'lmdb', dataDir: dir })
    const client = await amqp.connect(broker.url)
    const ch = await client.createConfirmChannel()
    await ch.assertQueue('q')
    ch.sendToQueue('q', Buffer.alloc(200_000), { persistent: true })
    await ch.waitForConfirms()
    const names = readdirSync(dir)
    expect(names).toEqual(
      expect.arrayContaining(['data.mdb', 'lock.mdb', 'leveret.store', 'broker.lock', 'control.sock']),
    )
    expect(names.some((n) => n.endsWith('.journal'))).toBe(true)
    expect(modeOf(dir)).toBe(0o700)
    for (const n of names) expect([n, modeOf(join(dir, n))]).toEqual([n, 0o600])
    await client.close()
    await broker.close()
    for (const n of readdirSync(dir)) expect([n, modeOf(join(dir, n))]).toEqual([n, 0o600])
  })

  it('of an earlier release is taken from the others, with a line that says so', async () => {
    await store()
    chmodSync(dir, 0o755)
    chmodSync(join(dir, 'data.mdb'), 0o644)
    const said = await store()
    expect(said).toEqual([expect.stringMatching(/was open to other users.*: the folder, data\.mdb$/)])
    expect([modeOf(dir), modeOf(join(dir, 'data.mdb'))]).toEqual([0o700, 0o600])
    expect(await store()).toEqual([])
  })

  it('that was made empty for it is taken too', async () => {
    mkdirSync(dir, { mode: 0o755 })
    expect(await store()).toEqual([])
    expect(modeOf(dir)).toBe(0o700)
  })

  it('with something else in it stays as open as it is; the files are not', async () => {
    mkdirSync(dir, { mode: 0o755 })
    writeFileSync(join(dir, 'notes.txt'), 'mine', { mode: 0o644 })
    await store()
    expect([modeOf(dir), modeOf(join(dir, 'notes.txt')), modeOf(join(dir, 'data.mdb'))]).toEqual([
      0o755, 0o644, 0o600,
    ])
    await store()
    expect([modeOf(dir), modeOf(join(dir, 'notes.txt'))]).toEqual([0o755, 0o644])
  })
})
