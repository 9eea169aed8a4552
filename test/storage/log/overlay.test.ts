/** Reads of a store through what it has not applied yet. */
import { describe, expect, it } from 'vitest'
import { Overlay } from '../../../src/storage/log/overlay.ts'
import { PendingWrites } from '../../../src/storage/log/pending-writes.ts'
import { MemoryStorage } from '../../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../../src/storage/storage.ts'
import { randomOf } from '../../torture/random.ts'

const record = (index: number, byte: number): StorageWrite => ({
  op: 'record',
  log: 0,
  segment: 1,
  index,
  bytes: new Uint8Array([byte]),
})

function pending(...writes: StorageWrite[]): PendingWrites {
  const layer = new PendingWrites()
  layer.add(writes)
  return layer
}

describe('what is pending for one segment', () => {
  it('is not gone through for each record that is read', async () => {
    const store = new MemoryStorage({ keeps: true })
    await store.write([record(9999, 7)])
    const layers = [pending(record(1, 1)), pending()]
    for (let i = 0; i < 5000; i++)
      layers[1]?.add([record(i, i & 0xff), { op: 'drop-record', log: 0, segment: 1, index: i - 1 }])
    let looks = 0
    for (const layer of layers) {
      const records = layer.segmentsOf(0)?.get(1)?.records as Map<number, Uint8Array>
      records[Symbol.iterator] = () => {
        looks++
        return Map.prototype.entries.call(records)
      }
    }
    const overlay = new Overlay(store, () => layers)
    const read = [4998, 4999, 9999, 10_000].map((index) => overlay.record(0, 1, index)?.[0])
    expect(read).toEqual([undefined, 4999 & 0xff, 7, undefined])
    expect(looks).toBe(0)
    expect([...overlay.records(0, 1)].map((r) => r.index)).toEqual([4999, 9999])
    expect(looks).toBe(2)
  })

  it('gives the same record alone as among all', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const pick = randomOf(seed)
      const writes = (): StorageWrite[] =>
        Array.from({ length: pick(6) }, () => {
          const what = pick(10)
          if (what < 5) return record(pick(4), pick(256))
          if (what < 7) return { op: 'drop-record', log: 0, segment: 1, index: pick(4) }
          if (what === 7) return { op: 'clear-segment', log: 0, segment: 1 }
          return what === 8 ? { op: 'drop-segment', log: 0, segment: 1 } : { op: 'drop-log', log: 0 }
        })
      const store = new MemoryStorage({ keeps: true })
      await store.write([0, 1, 2].map((i) => record(i, 100 + i)))
      const layers = [pending(...writes()), pending(...writes())]
      const overlay = new Overlay(store, () => layers)
      const all = new Map([...overlay.records(0, 1)].map((r) => [r.index, r.bytes[0]]))
      const alone = [0, 1, 2, 3].map((i) => overlay.record(0, 1, i)?.[0])
      expect([seed, ...alone]).toEqual([seed, ...[0, 1, 2, 3].map((i) => all.get(i))])
    }
  })
})
