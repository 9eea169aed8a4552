import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { GroupCommit } from '../../../src/storage/batch.ts'
import { LmdbStorage } from '../../../src/storage/lmdb/lmdb-storage.ts'
import { Journal } from '../../../src/storage/log/journal.ts'
import { folderDisk } from '../../../src/storage/log/journal-disk.ts'
import { type AppliedStorage, LoggedStorage } from '../../../src/storage/log/logged-storage.ts'
import { MemoryStorage } from '../../../src/storage/memory/memory-storage.ts'
import { SPILL_LOGS_FROM, StorageError, type StorageWrite } from '../../../src/storage/storage.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { storageContract } from '../contract.ts'
import { MemoryLog } from './memory-log.ts'
import { PowerCut, randomOf, SimulatedDisk } from './records.ts'

const root = mkdtempSync(join(tmpdir(), 'leveret-logged-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const folder = (): string => mkdtempSync(join(root, 'f-'))

/** In memory, all or nothing, until it is told to fail. */
class Store extends MemoryStorage implements AppliedStorage {
  batches: StorageWrite[][] = []
  full = false
  failing: StorageError | undefined
  /** The power is gone. */
  cut = false

  constructor() {
    super({ keeps: true })
  }
  ensureRoom(): void {
    if (this.full) throw new StorageError('FULL', 'full')
  }
  override async write(batch: readonly StorageWrite[]): Promise<void> {
    await Promise.resolve()
    if (this.cut) throw new PowerCut()
    if (this.failing !== undefined) throw this.failing
    this.batches.push([...batch])
    await super.write(batch)
  }
  /** What it holds, as text. */
  content(): string {
    const values = Array.from(this.scan(''), (e) => `${e.key}=${Buffer.from(e.value).toString('hex')}`)
    const segments = Array.from(this.segments(1), (s) => [
      s.segment,
      Buffer.from(s.state).toString('hex'),
      Array.from(this.records(1, s.segment), (r) => `${r.index}:${Buffer.from(r.bytes).toString('hex')}`),
    ])
    return JSON.stringify([values.filter((v) => !v.startsWith('applied=')), segments])
  }
}

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
    commit.flush()
    await until(() => failures.length > 0)
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

/** Random writes to one log and some keys, as queues make them: numbers of segments and records are not used again. */
function randomBatch(
  random: (below: number) => number,
  next: { segment: number; index: number },
): StorageWrite[] {
  const out: StorageWrite[] = []
  for (let i = 1 + random(4); i > 0; i--) {
    const segment = 1 + random(next.segment)
    const octets = Uint8Array.from({ length: random(40) }, () => random(256))
    switch (random(7)) {
      case 0:
        out.push({ op: 'put', key: `k${random(5)}`, value: octets })
        break
      case 1:
        out.push({ op: 'delete', key: `k${random(5)}` })
        break
      case 2:
        out.push({ op: 'drop-segment', log: 1, segment })
        next.segment++
        break
      case 3:
        out.push({ op: 'clear-segment', log: 1, segment: next.segment }, state(next.segment, ...octets))
        break
      default:
        out.push({ op: 'record', log: 1, segment: next.segment, index: next.index++, bytes: octets })
        out.push(state(next.segment, ...octets))
    }
    if (out.some((w) => w.op === 'drop-segment' && w.segment === next.segment)) next.segment++
  }
  return out
}

/** SEEDS=1000 for more. */
const SEEDS = Number(process.env['SEEDS'] ?? 100)

describe('a power cut under the whole store', () => {
  it(`leaves exactly a prefix of the batches, with all that was confirmed (${SEEDS} seeds)`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = randomOf(seed)
      const disk = new SimulatedDisk(random)
      disk.free = 20e6
      const store = new Store()
      const model = new Store()
      const next = { segment: 1, index: 0 }
      /** The batch whose answer was never seen. */
      let open: StorageWrite[] | undefined
      for (let run = 0; run < 4; run++) {
        disk.restart()
        store.cut = false
        const clock = new ManualClock()
        try {
          const s = await LoggedStorage.open(store, (from) => Journal.open(disk, from, () => 0), clock)
          if (open !== undefined && store.content() !== model.content()) await model.write(open)
          open = undefined
          expect(store.content(), `seed ${seed}, run ${run}`).toBe(model.content())
          const fails = random(4) === 0
          if (fails) disk.failAt = disk.writes + 1 + random(15)
          else disk.cutAfter = disk.writes + random(25)
          for (;;) {
            open = randomBatch(random, next)
            await s.write(open)
            await model.write(open)
            open = undefined
            if (random(3) === 0) clock.pass(500)
            if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve))
          }
        } catch (error) {
          if (!(error instanceof StorageError) && !(error instanceof PowerCut)) throw error
          disk.cut = store.cut = true
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    }
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
