/** What every store must do; run over each implementation. */
import { describe, expect, it } from 'vitest'
import { SPILL_LOGS_FROM, type Storage, type StorageWrite } from '../../src/storage/storage.ts'
import { textsOf } from '../../src/util/stored-texts.ts'

/** `reopen` closes nothing: the suite closes first. */
export interface StorageUnderTest {
  open(): Promise<Storage>
}

const bytes = (...b: number[]): Uint8Array => new Uint8Array(b)

export function storageContract(name: string, make: () => StorageUnderTest): void {
  describe(`storage contract: ${name}`, () => {
    it('keeps metadata over a restart, in the order of its keys', async () => {
      const under = make()
      let s = await under.open()
      await s.write([
        { op: 'put', key: 'b:2', value: bytes(2) },
        { op: 'put', key: 'b:1', value: bytes(1) },
        { op: 'put', key: 'a:1', value: bytes(9) },
        { op: 'put', key: 'c:1', value: bytes(8) },
      ])
      await s.write([
        { op: 'put', key: 'b:2', value: bytes(3, 3) },
        { op: 'delete', key: 'c:1' },
        { op: 'delete', key: 'never' },
      ])
      await s.close()
      s = await under.open()
      expect([...s.scan('b:')].map((e) => [e.key, ...e.value])).toEqual([
        ['b:1', 1],
        ['b:2', 3, 3],
      ])
      expect([...s.scan('c:')]).toEqual([])
      await s.close()
    })

    it('has metadata as text too, where it can', async () => {
      const s = await make().open()
      const long = `é${'x'.repeat(10_000)}`
      const put = (key: string, text: string) => ({ op: 'put', key, value: Buffer.from(text) }) as const
      await s.write([put('t:1', '{"a":1}'), put('t:2', ''), put('t:3', long), put('u', 'x')])
      const texts: string[][] = []
      for (const { key, text } of textsOf(s, 't:')) {
        // The memory of a value may be used for others.
        expect([...s.scan('t:')].map((e) => e.value.length)).toEqual([7, 0, 10_002])
        texts.push([key, text])
      }
      expect(texts).toEqual([
        ['t:1', '{"a":1}'],
        ['t:2', ''],
        ['t:3', long],
      ])
      await s.close()
    })

    it('keeps logs over a restart, in the order of segments and indexes', async () => {
      const under = make()
      let s = await under.open()
      const writes: StorageWrite[] = []
      for (const segment of [300, 2, 1])
        for (const index of [256, 0, 70_000])
          writes.push({ op: 'record', log: 7, segment, index, bytes: bytes(segment & 0xff, index & 0xff) })
      for (const segment of [300, 2, 1])
        writes.push({ op: 'segment', log: 7, segment, state: bytes(segment & 0xff) })
      writes.push(
        { op: 'record', log: 8, segment: 1, index: 0, bytes: bytes(1) },
        { op: 'segment', log: 8, segment: 1, state: bytes(1) },
      )
      await s.write(writes)
      await s.close()
      s = await under.open()
      expect([...new Set(s.logs())].sort()).toEqual([7, 8])
      expect([...s.segments(7)].map((e) => e.segment)).toEqual([1, 2, 300])
      expect(Array.from(s.records(7, 300), (r) => [r.index, ...r.bytes])).toEqual([
        [0, 44, 0],
        [256, 44, 0],
        [70_000, 44, 112],
      ])
      await s.write([{ op: 'drop-segment', log: 7, segment: 2 }])
      expect([...s.segments(7)].map((e) => e.segment)).toEqual([1, 300])
      expect([...s.records(7, 2)]).toEqual([])
      await s.write([{ op: 'drop-log', log: 7 }])
      expect([[...s.segments(7)], [...s.records(7, 1)], [...s.records(7, 300)]]).toEqual([[], [], []])
      expect([...s.segments(8)]).toHaveLength(1)
      await s.write([{ op: 'drop-logs', from: 8 }])
      expect([[...s.segments(8)], [...s.records(8, 1)]]).toEqual([[], []])
      await s.close()
    })

    it('reads and drops single records', async () => {
      const under = make()
      let s = await under.open()
      await s.write([
        { op: 'record', log: 3, segment: 9, index: 0, bytes: bytes(1) },
        { op: 'record', log: 3, segment: 9, index: 1, bytes: bytes(2, 2) },
        { op: 'segment', log: 3, segment: 9, state: bytes(0) },
      ])
      expect([s.record(3, 9, 1), s.record(3, 9, 2), s.record(4, 9, 1)].map((b) => b && [...b])).toEqual([
        [2, 2],
        undefined,
        undefined,
      ])
      await s.write([
        { op: 'drop-record', log: 3, segment: 9, index: 1 },
        { op: 'drop-record', log: 3, segment: 9, index: 7 },
        { op: 'record', log: 3, segment: 9, index: 5, bytes: bytes(5) },
        { op: 'drop-record', log: 3, segment: 9, index: 5 },
      ])
      await s.close()
      s = await under.open()
      expect(Array.from(s.records(3, 9), (r) => [r.index, ...r.bytes])).toEqual([[0, 1]])
      await s.close()
    })

    it('drops spill logs, which have records and no segments, and knows the highest number in use', async () => {
      const under = make()
      let s = await under.open()
      expect(s.highestLog()).toBe(0)
      const numbers = [3, SPILL_LOGS_FROM, SPILL_LOGS_FROM + 7]
      const record = (log: number): StorageWrite => ({
        op: 'record',
        log,
        segment: 1,
        index: 0,
        bytes: bytes(1),
      })
      await s.write([...numbers.map(record), { op: 'segment', log: 3, segment: 1, state: bytes(1) }])
      expect(s.highestLog()).toBe(SPILL_LOGS_FROM + 7)
      await s.close()
      s = await under.open()
      expect(s.highestLog()).toBe(SPILL_LOGS_FROM + 7)
      await s.write([{ op: 'drop-logs', from: SPILL_LOGS_FROM }])
      expect(numbers.map((log) => [...s.records(log, 1)].length)).toEqual([1, 0, 0])
      await s.close()
      s = await under.open()
      expect(numbers.map((log) => [...s.records(log, 1)].length)).toEqual([1, 0, 0])
      expect(s.highestLog()).toBe(3)
      await s.close()
    })

    it('applies a batch in its order', async () => {
      const s = await make().open()
      await s.write([{ op: 'record', log: 1, segment: 1, index: 5, bytes: bytes(5) }])
      await s.write([
        { op: 'drop-segment', log: 1, segment: 1 },
        { op: 'record', log: 1, segment: 1, index: 0, bytes: bytes(1) },
        { op: 'segment', log: 1, segment: 1, state: bytes(1) },
        { op: 'put', key: 'k', value: bytes(1) },
        { op: 'delete', key: 'k' },
      ])
      expect(Array.from(s.records(1, 1), (r) => r.index)).toEqual([0])
      expect([...s.scan('k')]).toEqual([])
      await s.close()
    })

    it('takes the bytes as they are when the write is asked for, and large ones', async () => {
      const s = await make().open()
      const large = new Uint8Array(3_000_000).fill(7)
      await s.write([{ op: 'record', log: 1, segment: 1, index: 0, bytes: large }])
      expect([...s.records(1, 1)][0]?.bytes.every((b) => b === 7)).toBe(true)
      expect([...s.records(1, 1)][0]?.bytes.length).toBe(3_000_000)
      await s.close()
    })
  })
}
