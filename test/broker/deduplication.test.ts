/** What deduplication remembers has a bound in octets: long values only by their digest. */
import { describe, expect, it } from 'vitest'
import { Deduplication } from '../../src/broker/deduplication.ts'
import { DeduplicationStores } from '../../src/broker/deduplication-store.ts'
import { atOnce, type Steps } from '../../src/broker/jobs.ts'
import { FORGOTTEN_PER_STEP } from '../../src/limits.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { table } from '../support/wire.ts'

const LONG = 'x'.repeat(120_000)
const headers = (value: string | number) => table({ 'x-deduplication-header': value })

function setUp() {
  const storage = new MemoryStorage({ keeps: true })
  const clock = new ManualClock()
  const commit = new GroupCommit(storage, clock)
  const jobs: Steps[] = []
  const stores = new DeduplicationStores(storage, commit, (steps) => void jobs.push(steps))
  const open = (of = stores) => new Deduplication(table({}), of.storeOf('queue:q'))
  const sizes = async (): Promise<number[]> => {
    await commit.flush()
    return [...storage.scan('dedup:')].map((e) => e.value.length)
  }
  return { storage, commit, jobs, stores, open, sizes }
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
    d.admit(headers(1), 0)
    expect(remembered()).toEqual([])
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

  it('is removed in steps with its owner, and is nothing to the next one of that name', async () => {
    const { storage, commit, jobs, stores, open, sizes } = setUp()
    const count = 10 * FORGOTTEN_PER_STEP
    const stored = (): number => [...storage.scan('dedup:')].length
    const first = open()
    for (let n = 0; n < count; n++) first.admit(headers(n), 0)
    await sizes()
    expect(stored()).toBe(count)
    first.destroy()
    const [job] = jobs as [Steps]
    for (let i = 0; i < 3; i++) job.next()
    // Before anything is written, in the middle, and after a start that finds what was left.
    const early = open()
    expect([early.count, early.isDuplicate(headers(count - 1), 0)]).toEqual([0, false])
    await commit.flush()
    expect(stored()).toBeGreaterThan(count / 2)
    early.admit(headers(1), 0)
    await commit.flush()
    const restarted: Steps[] = []
    const again = new DeduplicationStores(storage, commit, (steps) => void restarted.push(steps))
    again.restore()
    expect([open(again).count, open(again).isDuplicate(headers(1), 0)]).toEqual([1, true])
    for (const steps of restarted) atOnce(steps)
    await commit.flush()
    expect(stored()).toBe(1)
    expect([...storage.scan('dedup-gone:')]).toEqual([])
    const third = open(new DeduplicationStores(storage, commit, () => {}))
    expect([third.count, third.isDuplicate(headers(1), 0)]).toEqual([1, true])
    // The other removal goes on beside it, and takes nothing that is new.
    atOnce(job)
    early.destroy()
    open(stores).admit(headers(2), 0)
    await commit.flush()
    expect(open(stores).isDuplicate(headers(1), 0)).toBe(false)
    for (const steps of jobs) atOnce(steps)
    await commit.flush()
    expect([stored(), [...storage.scan('dedup-gone:')].length]).toEqual([1, 0])
  })
})
