import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { GroupCommit } from '../../../src/storage/batch.ts'
import { LmdbStorage } from '../../../src/storage/lmdb/lmdb-storage.ts'
import { Journal } from '../../../src/storage/log/journal.ts'
import { folderDisk } from '../../../src/storage/log/journal-disk.ts'
import { DRAIN_MS_MAX, LoggedStorage } from '../../../src/storage/log/logged-storage.ts'
import { SPILL_LOGS_FROM, StorageError, type StorageWrite } from '../../../src/storage/storage.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { inEachSeed, storeSeed } from '../../torture/power-cut.ts'
import { storageContract } from '../contract.ts'
import { MemoryLog } from './memory-log.ts'
import { Store } from './memory-store.ts'

const root = mkdtempSync(join(tmpdir(), 'leveret-logged-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const folder = (): string => mkdtempSync(join(root, 'f-'))

storageContract('memory behind a log', () => {
  const store = new Store()
  const log = new MemoryLog()
  return {
    open: () =>
      LoggedStorage.open(
        store,
        async (from) => {
          log.reopen(from)
          return log
        },
        new ManualClock(),
      ),
  }
})

storageContract('lmdb behind a journal', () => {
  const dir = folder()
  return {
    open: async () =>
      LoggedStorage.open(
        await LmdbStorage.open(dir),
        (from) => Journal.open(folderDisk(dir), from, () => performance.now()),
        systemClock,
      ),
  }
})

const bytes = (...b: number[]): Uint8Array => new Uint8Array(b)
const record = (segment: number, index: number, ...b: number[]): StorageWrite => ({
  op: 'record',
  log: 1,
  segment,
  index,
  bytes: bytes(...b),
})
const state = (segment: number, ...b: number[]): StorageWrite => ({
  op: 'segment',
  log: 1,
  segment,
  state: bytes(...b),
})

async function opened(store = new Store(), log = new MemoryLog()) {
  const clock = new ManualClock()
  const s = await LoggedStorage.open(store, async () => log, clock)
  return { s, store, log, clock }
}

describe('a store behind a commit log', () => {
  it('has a batch safe before the store has it, and gives it to the store half a second later', async () => {
    const { s, store, log, clock } = await opened()
    await s.write([{ op: 'put', key: 'k', value: bytes(1) }])
    expect([store.batches.length, log.last, s.applied]).toEqual([0, 1, 0])
    expect(Array.from(s.scan('k'), (e) => [...e.value])).toEqual([[1]])
    clock.pass(499)
    expect(store.batches).toHaveLength(0)
    clock.pass(1)
    await until(() => s.applied === 1)
    expect([store.batches.length, log.first, s.unappliedBytes]).toEqual([1, 2, 0])
  })

  it('never writes to the store what is gone again within that time', async () => {
    const { s, store, clock } = await opened()
    await s.write([record(1, 0, 1, 2, 3), state(1, 1)])
    await s.write([{ op: 'clear-segment', log: 1, segment: 1 }, state(1, 2)])
    await s.write([record(1, 1, 4), state(1, 3)])
    await s.write([record(2, 0, 5), state(2, 1)])
    await s.write([{ op: 'drop-segment', log: 1, segment: 1 }])
    expect(s.unappliedBytes).toBe(2)
    clock.pass(500)
    await until(() => s.applied === 5)
    expect(store.batches[0]?.filter((w) => w.op === 'record' || w.op === 'segment')).toEqual([
      record(2, 0, 5),
      state(2, 1),
    ])
  })

  it('puts a long batch together in several turns', async () => {
    const { s, log } = await opened()
    const writes = Array.from({ length: 20 }, (_, index): StorageWrite => {
      return { op: 'record', log: 1, segment: 1, index, bytes: new Uint8Array(2 ** 20) }
    })
    const append = vi.spyOn(log, 'append')
    const done = s.write(writes)
    expect(append).not.toHaveBeenCalled()
    await done
    expect(log.last).toBe(1)
    append.mockClear()
    const short = s.write(writes.slice(0, 2))
    expect(append).toHaveBeenCalled()
    await short
  })

  it('gives it to the store at once from 4 MiB on, or when memory is wanted', async () => {
    const { s, store } = await opened()
    const large: StorageWrite = {
      op: 'record',
      log: 1,
      segment: 1,
      index: 0,
      bytes: new Uint8Array(4 * 1024 * 1024),
    }
    await s.write([large])
    await until(() => s.applied === 1)
    await s.write([record(1, 9, 1)])
    s.applySoon()
    await until(() => s.applied === 2)
    expect(store.batches).toHaveLength(2)
  })

  it('keeps what was paged out of transient queues out of the log', async () => {
    const { s, log } = await opened()
    await s.write([{ op: 'record', log: SPILL_LOGS_FROM + 1, segment: 1, index: 0, bytes: bytes(1) }])
    expect([log.last, [...s.records(SPILL_LOGS_FROM + 1, 1)].length]).toEqual([0, 1])
  })

  it('refuses a batch whole where the disk is full, and takes it later', async () => {
    const { s, store, log } = await opened()
    store.full = true
    await expect(s.write([{ op: 'put', key: 'k', value: bytes(1) }])).rejects.toMatchObject({ code: 'FULL' })
    expect([log.last, [...s.scan('k')].length]).toEqual([0, 0])
    store.full = false
    await s.write([{ op: 'put', key: 'k', value: bytes(1) }])
    expect(log.last).toBe(1)
  })

  it('loses nothing while the store takes nothing, and says so', async () => {
    const { s, store, log, clock } = await opened()
    store.failing = new StorageError('FULL', 'full')
    await s.write([{ op: 'put', key: 'k', value: bytes(1) }])
    clock.pass(500)
    await until(() => s.applyFailure !== undefined)
    await expect(s.close()).rejects.toMatchObject({ code: 'FULL' })
    store.failing = undefined
    expect(log.last).toBe(1)
    const again = await LoggedStorage.open(store, async () => log, new ManualClock())
    expect(Array.from(again.scan('k'), (e) => [...e.value])).toEqual([[1]])
    expect([store.batches.length, log.first]).toEqual([1, 2])
  })

  it('is closed soon where the store is slow: the next start applies the rest', async () => {
    const { s, store, log, clock } = await opened()
    const write = store.write.bind(store)
    store.write = async (batch) => {
      clock.pass(DRAIN_MS_MAX)
      await write(batch)
    }
    // Of such writes, a transaction of the store takes a thousand.
    const keys = Array.from({ length: 5000 }, (_, i) => `k${i}`)
    await s.write(keys.map((key): StorageWrite => ({ op: 'put', key, value: bytes(1) })))
    await s.close()
    expect([store.batches.length, log.first, log.last]).toEqual([1, 1, 1])
    store.write = write
    const again = await LoggedStorage.open(store, async () => log, new ManualClock())
    expect([...again.scan('k')].length).toBe(keys.length)
    expect(log.first).toBe(2)
  })

  it('confirms nothing any more once the log has failed, until it was opened again', async () => {
    const log = new MemoryLog(1, { fault: (n) => (n === 2 ? 'lost' : undefined) })
    const { s } = await opened(new Store(), log)
    const clock = new ManualClock()
    const commit = new GroupCommit(s, clock)
    const failures: unknown[] = []
    commit.onFailure((e) => failures.push(e))
    commit.put('a', bytes(1))
    await commit.flush()
    commit.put('b', bytes(1))
    await expect(commit.flush()).rejects.toThrow('cannot write to the commit log')
    await expect(commit.flush()).rejects.toThrow('cannot write to the commit log')
    for (let i = 0; i < 5; i++) {
      clock.pass(500)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([commit.durable, failures.length]).toEqual([1, 1])
  })
})

describe('group commit over a log', () => {
  it('knows what is durable and, later, what is applied', async () => {
    const { s, clock } = await opened()
    const commit = new GroupCommit(s, clock)
    let told = 0
    commit.onDurable(() => told++)
    commit.onApplied(() => told++)
    commit.put('a', bytes(1))
    await commit.flush()
    expect([commit.durable, commit.applied, commit.busy, told]).toEqual([1, 0, true, 1])
    clock.pass(500)
    await until(() => commit.applied === 1)
    expect([commit.busy, told]).toEqual([false, 2])
  })
})

/** SEEDS=1000 for more, or `npm run torture -- power-cut`. */
const SEEDS = Number(process.env['SEEDS'] ?? 100)

describe('a power cut under the whole store', () => {
  it(`leaves exactly a prefix of the batches, with all that was confirmed (${SEEDS} seeds)`, async () => {
    expect(await inEachSeed(storeSeed, 1, SEEDS)).toEqual([])
  })

  it.each(['EIO', 'ENOSPC'] as const)('so does each single write that fails (%s)', async (code) => {
    expect(await inEachSeed((n) => storeSeed(n, { at: n, code }), 1, 60)).toEqual([])
  })
})

describe('a folder with a journal', () => {
  const open = async (dir: string) =>
    LoggedStorage.open(
      await LmdbStorage.open(dir),
      (from) => Journal.open(folderDisk(dir), from, () => performance.now()),
      systemClock,
    )

  it('has no journal after a clean stop', async () => {
    const dir = folder()
    const s = await open(dir)
    await s.write([{ op: 'put', key: 'k', value: bytes(1) }])
    expect(readdirSync(dir).filter((f) => f.endsWith('.journal'))).toHaveLength(1)
    await s.close()
    expect(readdirSync(dir).filter((f) => f.endsWith('.journal'))).toEqual([])
    const again = await open(dir)
    expect(Array.from(again.scan('k'), (e) => [...e.value])).toEqual([[1]])
    await again.close()
  })
})
