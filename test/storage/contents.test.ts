/** Everything in a store as writes that make an empty one equal. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { LmdbStores } from '../../src/cluster/lmdb-stores.ts'
import { MemoryReplicaStore } from '../../src/cluster/memory-store.ts'
import type { ReplicaStore } from '../../src/cluster/replica-store.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import { SPILL_LOGS_FROM, type Storage, type StorageWrite } from '../../src/storage/storage.ts'
import { systemClock } from '../../src/util/clock.ts'
import { randomOf } from './log/records.ts'

const root = mkdtempSync(join(tmpdir(), 'leveret-contents-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const folder = (): string => mkdtempSync(join(root, 'f-'))

let records = 0

function someWrites(random: (below: number) => number, count: number): StorageWrite[] {
  return Array.from({ length: count }, (): StorageWrite => {
    // A record is written once; other octets never take its place.
    const [log, segment, index] = [random(4), random(3), records++]
    const bytes = Buffer.alloc(random(300), random(256))
    switch (random(9)) {
      case 0:
        return { op: 'put', key: `k${random(20)}`, value: bytes }
      case 1:
        return { op: 'delete', key: `k${random(20)}` }
      case 2:
        return { op: 'segment', log, segment, state: bytes }
      case 3:
        return { op: 'drop-segment', log, segment }
      case 4:
        return { op: 'drop-log', log: random(2) + 10 }
      case 5:
        return { op: 'record', log: SPILL_LOGS_FROM + log, segment, index, bytes }
      default:
        return { op: 'record', log, segment, index, bytes }
    }
  })
}

function dump(s: Storage): unknown {
  const text = (b: Uint8Array): string => Buffer.from(b).toString('base64')
  return {
    meta: [...s.scan('')]
      .filter((e) => e.key !== 'format' && !e.key.startsWith('gone:'))
      .map((e) => [e.key, text(e.value)]),
    logs: [0, 1, 2, 3, 10, 11].map((log) =>
      [...s.segments(log)].map(({ segment, state }) => [
        segment,
        text(state ?? Buffer.alloc(0)),
        Array.from(s.records(log, segment), (r) => [r.index, text(r.bytes)]),
      ]),
    ),
  }
}

async function copy(from: ReplicaStore, to: ReplicaStore): Promise<void> {
  for (const w of from.contents()) await to.write([w])
}

describe('contents of a store', () => {
  it.each([1, 2, 3])('make an empty one equal, on disk and in memory (seed %i)', async (seed) => {
    const random = randomOf(seed)
    const disk = await LmdbStorage.open(folder())
    const memory = new MemoryReplicaStore()
    for (let i = 0; i < 20; i++) {
      // A record is part of a segment, which has a state.
      const writes = someWrites(random, 10).flatMap((w): StorageWrite[] =>
        w.op === 'record'
          ? [{ op: 'segment', log: w.log, segment: w.segment, state: Buffer.from('s') }, w]
          : [w],
      )
      await disk.write(writes)
      await memory.write(writes)
    }
    const [a, b] = [await LmdbStorage.open(folder()), new MemoryReplicaStore()]
    await copy(disk, b)
    await copy(memory, a)
    expect(dump(b)).toEqual(dump(disk))
    expect(dump(a)).toEqual(dump(memory))
    expect(dump(a)).toEqual(dump(b))
    for (const s of [a, b])
      expect([...s.contents()].some((w) => 'log' in w && w.log >= SPILL_LOGS_FROM)).toBe(false)
    await disk.close()
    await a.close()
  })

  it('are those of one moment, whatever is written and kept house meanwhile', async () => {
    const store = await LmdbStorage.open(folder())
    const put = (key: string, value: string): StorageWrite => ({ op: 'put', key, value: Buffer.from(value) })
    for (let i = 0; i < 50; i++) await store.write([put(`k${String(i).padStart(3, '0')}`, 'old')])
    const contents = store.contents()
    const seen = [contents.next().value as Extract<StorageWrite, { op: 'put' }>]
    for (let i = 0; i < 50; i++)
      await store.write([put(`k${String(i).padStart(3, '0')}`, 'new'), put(`x${i}`, 'new')])
    await store.maintain()
    for (const w of contents) seen.push(w as (typeof seen)[0])
    expect(seen.length).toBe(50)
    expect(new Set(seen.map((w) => Buffer.from(w.value).toString()))).toEqual(new Set(['old']))
    await store.close()
  })

  it('end with an error where the store is closed meanwhile', async () => {
    const store = await LmdbStorage.open(folder())
    await store.write(['a', 'b', 'c'].map((key) => ({ op: 'put', key, value: Buffer.from(key) })))
    const contents = store.contents()
    contents.next()
    await store.close()
    expect(() => [...contents]).toThrow('closed')
  })
})

describe('a copy in the place of a folder', () => {
  it('replaces it only when it is complete', async () => {
    const dir = folder()
    const stores = new LmdbStores({ dir, clock: systemClock, notice: () => {}, damaged: () => {} })
    const old = await stores.open()
    await old.write([{ op: 'put', key: 'k', value: Buffer.from('old') }])
    await old.close()
    const cut = stores.replace(async (store) => {
      await store.write([{ op: 'put', key: 'k', value: Buffer.from('half') }])
      throw new Error('cut')
    })
    await expect(cut).rejects.toThrow('cut')
    const value = async (): Promise<string> => {
      const s = await stores.open()
      const [found] = [...s.scan('k')].map((e) => Buffer.from(e.value).toString())
      await s.close()
      return found as string
    }
    expect(await value()).toBe('old')
    await stores.replace((store) => store.write([{ op: 'put', key: 'k', value: Buffer.from('new') }]))
    expect(await value()).toBe('new')
    const fresh = join(folder(), 'none')
    const empty = new LmdbStores({ dir: fresh, clock: systemClock, notice: () => {}, damaged: () => {} })
    await empty.replace((store) => store.write([{ op: 'put', key: 'k', value: Buffer.from('first') }]))
    const s = await empty.open()
    expect([...s.scan('k')].length).toBe(1)
    await s.close()
  })
})
