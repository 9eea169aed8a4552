/** What deduplication remembers has a bound in octets: long values only by their digest. */
import { describe, expect, it } from 'vitest'
import { Deduplication } from '../../src/broker/deduplication.ts'
import { StoredDeduplication } from '../../src/broker/deduplication-store.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { table } from '../support/wire.ts'

const LONG = 'x'.repeat(120_000)
const headers = (value: string | number) => table({ 'x-deduplication-header': value })

function setUp() {
  const storage = new MemoryStorage({ keeps: true })
  const commit = new GroupCommit(storage, new ManualClock())
  const open = () => new Deduplication(table({}), new StoredDeduplication('queue:q', storage, commit))
  const sizes = async (): Promise<number[]> => {
    await commit.flush()
    return [...storage.scan('dedup:')].map((e) => e.value.length)
  }
  return { storage, open, sizes }
}

describe('deduplication', () => {
  it('tells long values apart, also after a restart, and stores little of them', async () => {
    const { open, sizes } = setUp()
    const d = open()
    const values = ['short', 7, `${LONG}a`, `${LONG}b`, 'y'.repeat(65)]
    for (const v of values) {
      expect(d.isDuplicate(headers(v), 0)).toBe(false)
      d.admit(headers(v), 0)
    }
    expect(Math.max(...(await sizes()))).toBeLessThan(80)
    for (const cache of [d, open()]) {
      for (const v of values) expect(cache.isDuplicate(headers(v), 0)).toBe(true)
      expect(cache.isDuplicate(headers(`${LONG}c`), 0)).toBe(false)
      expect(cache.count).toBe(values.length)
    }
  })

  it('knows what an earlier release has stored whole, and makes it short', async () => {
    const { storage, open, sizes } = setUp()
    const key = (n: number): string => `dedup:queue:q:${n.toString(16).padStart(14, '0')}`
    const stored = [`S${LONG}`, 'i7', `s${Buffer.from(LONG).toString('base64')}`]
    await storage.write(
      stored.map((v, n) => ({ op: 'put', key: key(n), value: Buffer.from(JSON.stringify([v, 0])) })),
    )
    const d = open()
    expect([d.isDuplicate(headers(LONG), 0), d.isDuplicate(headers(7), 0), d.count]).toEqual([true, true, 3])
    expect(Math.max(...(await sizes()))).toBeLessThan(80)
    expect(open().isDuplicate(headers(LONG), 0)).toBe(true)
  })

  it('forgets what was admitted longest ago, one that came again last counts as new', () => {
    const d = new Deduplication(table({ 'x-cache-size': 3 }), undefined)
    const remembered = (): number[] => [1, 2, 3, 4, 5, 6].filter((n) => d.isDuplicate(headers(n), 0))
    for (const n of [1, 2, 3]) d.admit(headers(n), 0)
    d.admit(headers(1), 0)
    d.admit(headers(4), 0)
    expect(remembered()).toEqual([1, 3, 4])
    d.admit(headers(5), 0)
    d.admit(headers(6), 0)
    expect(remembered()).toEqual([4, 5, 6])
    d.destroy()
    for (const n of [1, 2, 3, 4]) d.admit(headers(n), 0)
    expect(remembered()).toEqual([2, 3, 4])
  })

  it('looks at no more values than it forgets', () => {
    const d = new Deduplication(table({ 'x-cache-size': 20_000 }), undefined)
    let looks = 0
    const { entries } = d as unknown as { entries: Map<string, unknown> }
    const next = entries.keys.bind(entries)
    entries.keys = () => {
      looks++
      return next()
    }
    for (let n = 0; n < 100_000; n++) d.admit(headers(n), 0)
    expect(d.count).toBe(20_000)
    // Each new walk begins with what the map has not closed up yet.
    expect(looks).toBeLessThan(10)
  })
})
