import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { GroupCommit } from '../../src/storage/batch.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { Storage, StorageWrite } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { storageContract } from './contract.ts'

const root = mkdtempSync(join(tmpdir(), 'leveret-storage-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const folder = (): string => join(root, String(folders++))

storageContract('memory', () => {
  const s = new MemoryStorage({ keeps: true })
  return { open: async () => s }
})
storageContract('lmdb', () => {
  const dir = folder()
  return { open: () => LmdbStorage.open(dir) }
})

/** A store whose n-th write fails, before or after which all goes well. */
class Failing implements Storage {
  readonly keeps = true
  private readonly inner: Storage
  private readonly failing: number
  private count = 0

  constructor(inner: Storage, failing: number) {
    this.inner = inner
    this.failing = failing
  }
  async write(batch: readonly StorageWrite[]): Promise<void> {
    if (++this.count === this.failing) throw new Error('no space')
    await this.inner.write(batch)
  }
  scan(prefix: string) {
    return this.inner.scan(prefix)
  }
  logs() {
    return this.inner.logs()
  }
  highestLog() {
    return this.inner.highestLog()
  }
  segments(log: number) {
    return this.inner.segments(log)
  }
  records(log: number, segment: number) {
    return this.inner.records(log, segment)
  }
  record(log: number, segment: number, index: number) {
    return this.inner.record(log, segment, index)
  }
  close(): Promise<void> {
    return this.inner.close()
  }
}

describe('group commit over a store whose n-th write fails', () => {
  it.each([1, 2, 3])('n = %i: the batch is repeated, nothing counts as durable before it is', async (n) => {
    const inner = new MemoryStorage({ keeps: true })
    const clock = new ManualClock()
    const commit = new GroupCommit(new Failing(inner, n), clock)
    const failures: unknown[] = []
    commit.onFailure((e) => failures.push(e))
    for (let i = 1; i <= 4; i++) {
      commit.put(`k${i}`, new Uint8Array([i]))
      const done = commit.flush()
      await new Promise((resolve) => setImmediate(resolve))
      if (i === n) {
        expect([failures.length, commit.durable, [...inner.scan('k')].length]).toEqual([1, n - 1, n - 1])
        clock.pass(500)
      }
      await done
      expect([commit.durable, [...inner.scan('k')].length]).toEqual([i, i])
    }
    expect(failures).toHaveLength(1)
  })

  it('close reports what could not be written', async () => {
    const commit = new GroupCommit(new Failing(new MemoryStorage({ keeps: true }), 1), new ManualClock())
    commit.put('k', new Uint8Array([1]))
    await expect(commit.close()).rejects.toThrow('no space')
  })
})

describe('group commit', () => {
  it('waits a little for changes that nobody is waiting for', async () => {
    const inner = new MemoryStorage({ keeps: true })
    const clock = new ManualClock()
    const commit = new GroupCommit(inner, clock)
    commit.put('k', new Uint8Array([1]))
    commit.turnEnd()
    await new Promise((resolve) => setImmediate(resolve))
    expect([...inner.scan('k')]).toEqual([])
    clock.pass(10)
    await new Promise((resolve) => setImmediate(resolve))
    expect([...inner.scan('k')]).toHaveLength(1)
  })

  it('is one batch for everything that comes while another is on its way', async () => {
    const inner = new MemoryStorage({ keeps: true })
    let writes = 0
    const count = (b: StorageWrite[]): Promise<void> => {
      writes++
      return inner.write(b)
    }
    const counting = new Proxy(inner, {
      get: (o, p) => (p === 'write' ? count : Reflect.get(o, p)),
    })
    const commit = new GroupCommit(counting, new ManualClock())
    commit.put('a', new Uint8Array([1]))
    const first = commit.flush()
    for (let i = 0; i < 100; i++) commit.put(`b${i}`, new Uint8Array([1]))
    await Promise.all([first, commit.flush()])
    expect([writes, commit.durable]).toEqual([2, 2])
  })
})

describe('changes that belong together', () => {
  it('are one batch, in however many turns they are made and whoever waits meanwhile', async () => {
    const batches: string[][] = []
    const storage = new MemoryStorage({ keeps: true })
    const write = storage.write.bind(storage)
    storage.write = (batch) => {
      batches.push(batch.map((w) => ('key' in w ? w.key : w.op)))
      return write(batch)
    }
    const clock = new ManualClock()
    const commit = new GroupCommit(storage, clock)
    commit.hold()
    commit.put('a', Buffer.from('1'))
    const settled = commit.flush()
    commit.turnEnd()
    clock.pass(1000)
    commit.put('b', Buffer.from('1'))
    commit.turnEnd()
    expect(batches).toEqual([])
    commit.letGo()
    commit.turnEnd()
    await settled
    expect(batches).toEqual([['a', 'b']])
    commit.hold()
    commit.put('c', Buffer.from('1'))
    clock.pass(1000)
    commit.letGo()
    clock.pass(1000)
    await commit.flush()
    expect(batches).toEqual([['a', 'b'], ['c']])
    await commit.close()
  })
})

describe('house-keeping of the LMDB store', () => {
  it('is due after much reading, and changes nothing', async () => {
    const s = await LmdbStorage.open(folder())
    const bytes = new Uint8Array(4 * 1024 * 1024).fill(5)
    for (let index = 0; index < 10; index++)
      await s.write([{ op: 'record', log: 1, segment: 1, index, bytes }])
    expect(s.maintenanceDue).toBe(false)
    expect([...s.records(1, 1)]).toHaveLength(10)
    expect(s.maintenanceDue).toBe(true)
    await s.maintain()
    expect(s.maintenanceDue).toBe(false)
    expect([...s.records(1, 1)][0]?.bytes.length).toBe(bytes.length)
    await s.write([{ op: 'put', key: 'k', value: new Uint8Array([1]) }])
    await s.close()
  })
})

describe('reads of the LMDB store while its file is mapped anew', () => {
  /** Found by npm run torture: what went on when a write had ended met a store that was closed for a moment. */
  it('find everything, whatever they come behind', async () => {
    const s = await LmdbStorage.open(folder())
    const bytes = new Uint8Array(4 * 1024 * 1024).fill(5)
    for (let index = 0; index < 10; index++)
      await s.write([{ op: 'record', log: 1, segment: 1, index, bytes }])
    await s.write([{ op: 'put', key: 'k', value: new Uint8Array(1) }])
    for (let round = 0; round < 5; round++) {
      expect([...s.records(1, 1)]).toHaveLength(10)
      expect(s.maintenanceDue).toBe(true)
      const written = s.write([{ op: 'put', key: 'k', value: new Uint8Array([round]) }])
      const maintained = written.then(() => s.maintain())
      // As listeners of a write do, in the same event.
      const read = written.then(async () => {
        for (let i = 0; i < 50; i++) {
          expect([...s.scan('k')]).toHaveLength(1)
          await undefined
        }
      })
      let reads = 0
      let over = false
      const reading = (): void => {
        if (over) return
        expect([...s.scan('k')]).toHaveLength(1)
        reads++
        setImmediate(reading)
      }
      setImmediate(reading)
      await Promise.all([maintained, read])
      over = true
      expect(reads).toBeGreaterThan(0)
      expect(s.maintenanceDue).toBe(false)
    }
    await s.close()
  })
})

describe('a dropped log of the LMDB store', () => {
  it('is gone at once, and removed bit by bit, over a restart too', async () => {
    const dir = folder()
    let s = await LmdbStorage.open(dir)
    const records = Array.from(
      { length: 1000 },
      (_, index): StorageWrite => ({ op: 'record', log: 1, segment: 1, index, bytes: new Uint8Array(10) }),
    )
    await s.write([...records, { op: 'segment', log: 1, segment: 1, state: new Uint8Array(4) }])
    await s.write([{ op: 'drop-log', log: 1 }])
    expect([[...s.segments(1)], [...s.records(1, 1)], s.maintenanceDue]).toEqual([[], [], true])
    await s.close()
    s = await LmdbStorage.open(dir)
    expect([[...s.records(1, 1)], s.maintenanceDue]).toEqual([[], true])
    for (let i = 0; s.maintenanceDue; i++) {
      expect(i).toBeLessThan(20)
      await s.maintain()
    }
    expect([...s.scan('gone:')]).toEqual([])
    await s.close()
  })
})

describe('the data folder', () => {
  it('is locked against a second broker, and free again after close', async () => {
    const dir = folder()
    const s = await LmdbStorage.open(dir)
    await expect(LmdbStorage.open(dir)).rejects.toMatchObject({
      code: 'LOCKED',
      message: expect.stringContaining(dir),
    })
    await s.close()
    await (await LmdbStorage.open(dir)).close()
  })

  it('is not blocked by the lock file of a process that died', async () => {
    const dir = folder()
    mkdirSync(dir)
    writeFileSync(join(dir, 'broker.lock'), '')
    await (await LmdbStorage.open(dir)).close()
  })

  it('may have a long name', async () => {
    const dir = join(folder(), 'x'.repeat(100), 'y'.repeat(100))
    await (await LmdbStorage.open(dir)).close()
  })

  it('may have a dot in its name', async () => {
    const dir = join(folder(), 'broker.v2')
    await (await LmdbStorage.open(dir)).close()
    await (await LmdbStorage.open(dir)).close()
  })

  it('of a newer release is refused and left alone', async () => {
    const dir = folder()
    const s = await LmdbStorage.open(dir)
    await s.write([{ op: 'put', key: 'format', value: Buffer.from('{"version":99}') }])
    await s.close()
    await expect(LmdbStorage.open(dir)).rejects.toMatchObject({
      code: 'VERSION',
      message: expect.stringMatching(/format 99/),
    })
    await expect(LmdbStorage.open(dir)).rejects.toMatchObject({ code: 'VERSION' })
  })

  it('that is a file is refused', async () => {
    const file = folder()
    writeFileSync(file, '')
    await expect(LmdbStorage.open(join(file, 'sub'))).rejects.toMatchObject({ code: 'UNREADABLE' })
  })

  it.skipIf(process.getuid?.() === 0)('without permission is refused', async () => {
    const dir = folder()
    mkdirSync(dir)
    chmodSync(dir, 0)
    await expect(LmdbStorage.open(dir)).rejects.toMatchObject({ code: 'UNREADABLE' })
    chmodSync(dir, 0o700)
  })

  it('knows what is free in its file, which does not grow while that is enough', async () => {
    const dir = folder()
    const s = await LmdbStorage.open(dir)
    const bytes = new Uint8Array(200_000)
    const fill = async (log: number): Promise<void> => {
      for (let index = 0; index < 50; index++)
        await s.write([{ op: 'record', log, segment: 1, index, bytes }])
    }
    const size = (): number => statSync(join(dir, 'data.mdb')).size
    await fill(1)
    expect(s.reusableBytes()).toBeLessThan(100_000)
    await s.write([{ op: 'drop-log', log: 1 }])
    while (s.maintenanceDue) await s.maintain()
    expect(s.reusableBytes()).toBeGreaterThan(50 * bytes.length)
    const before = size()
    await fill(2)
    expect(size()).toBeLessThan(before + 5 * bytes.length)
    expect(s.reusableBytes()).toBeLessThan(5 * bytes.length)
    await s.close()
  })

  it('that is full refuses the batch whole and goes on when there is room', async () => {
    const dir = folder()
    let free = 1e9
    const s = await LmdbStorage.open(dir, { freeBytes: () => free })
    await s.write([{ op: 'put', key: 'a', value: new Uint8Array([1]) }])
    free = 12e6
    const large = new Uint8Array(4 * 1024 * 1024)
    const batch: StorageWrite[] = [
      { op: 'put', key: 'b', value: new Uint8Array([2]) },
      { op: 'record', log: 1, segment: 1, index: 0, bytes: large },
    ]
    await expect(s.write(batch)).rejects.toMatchObject({ code: 'FULL' })
    expect([...s.scan('')].map((e) => e.key)).toEqual(['a', 'format'])
    free = 1e9
    await s.write(batch)
    expect([...s.scan('')].map((e) => e.key)).toEqual(['a', 'b', 'format'])
    await s.close()
  })
})
