import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage, readContent } from '../../src/broker/message.ts'
import { Chain } from '../../src/broker/messages/chain.ts'
import { DeliveryCounts } from '../../src/broker/messages/delivery-counts.ts'
import { Pager } from '../../src/broker/messages/pager.ts'
import { SEGMENT_BYTES, SEGMENT_MESSAGES_MAX, Segment } from '../../src/broker/messages/segment.ts'
import { SegmentMemory } from '../../src/broker/messages/segment-memory.ts'
import { SegmentStore } from '../../src/broker/messages/segment-store.ts'
import { SpillStore } from '../../src/broker/messages/spill-store.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { SPILL_LOGS_FROM, type StorageWrite } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { same, sameDeep } from '../support/same.ts'

type Step =
  | { do: 'append'; size: number; persistent: boolean }
  | { do: 'take' | 'remove' | 'commit' | 'restart' | 'purge' | 'quiet' }
  | { do: 'ack' | 'requeue' | 'pull' | 'wait'; which: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      size: fc.oneof(fc.nat(200), fc.nat(3000), fc.constant(70_000)),
      persistent: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('take' as const, 'remove' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('ack' as const, 'requeue' as const), which: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('pull' as const, 'wait' as const), which: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('commit', 'restart', 'purge', 'quiet') }),
  },
)

interface Model {
  id: number
  persistent: boolean
  /** undefined: taken out of its turn, which need not be remembered. */
  delivered: boolean | undefined
  /** Its wait is on record. */
  waits?: boolean
}

/** The queue as plain arrays; everything that a Chain may not get wrong. */
class Harness {
  readonly storage = new MemoryStorage({ keeps: true })
  readonly clock = new ManualClock()
  commit = new GroupCommit(this.storage, this.clock)
  log = new SegmentStore(1, this.commit, this.storage)
  /** So little that everything sealed leaves memory as soon as it can. */
  pager = this.newPager()
  chain: Chain
  ready: Model[] = []
  unacked: (Model & { number: number })[] = []
  /** What has come back, where that goes out first, in the order of its return: ids. */
  private returned: number[] = []
  private readonly inOrderOfReturn: boolean
  private next = 0

  constructor(inOrderOfReturn: boolean) {
    this.inOrderOfReturn = inOrderOfReturn
    this.chain = this.open()
  }

  /** With small slabs: there are thousands of pagers. */
  private newPager(): Pager {
    return new Pager(1, this.commit, this.clock, undefined, new SegmentMemory(2))
  }

  private open(): Chain {
    const spill = (): SpillStore => new SpillStore(SPILL_LOGS_FROM, this.commit, this.storage)
    return new Chain(this.log, this.pager, spill, this.inOrderOfReturn)
  }

  async run(s: Step): Promise<void> {
    switch (s.do) {
      case 'append':
        this.append(s.size, s.persistent)
        break
      case 'take': {
        const found = this.head()
        if (found === undefined) break
        this.chain.takeHead()
        this.unacked.push({ ...found.model, delivered: true, number: found.number })
        break
      }
      case 'remove':
        if (this.head() !== undefined) this.chain.removeHead()
        break
      case 'ack':
      case 'requeue':
        this.settle(s.do, s.which)
        break
      case 'pull':
        this.pull(s.which)
        break
      case 'wait':
        this.wait(s.which)
        break
      case 'commit':
        await this.commit.flush()
        break
      case 'quiet':
        for (let i = 0; i < 3; i++) this.clock.pass(2500)
        break
      case 'purge':
        same(this.chain.purge(), this.ready.length)
        this.ready = []
        this.returned = []
        break
      case 'restart':
        await this.restart()
        break
    }
    const [ready, unacked] = [this.ready.length, this.unacked.length]
    same(this.chain.ready, ready, 'ready')
    same(this.chain.unacked, unacked, 'unacked')
  }

  private append(size: number, persistent: boolean): void {
    const m = new InboundMessage()
    const id = this.next++
    const body = Buffer.alloc(size, id & 0xff)
    encodeContent('x', String(id), { deliveryMode: persistent ? 2 : 1 }, body, m)
    this.chain.append(m, 0)
    this.ready.push({ id, persistent, delivered: false })
  }

  private settle(how: 'ack' | 'requeue', which: number): void {
    if (this.unacked.length === 0) return
    const [m] = this.unacked.splice(which % this.unacked.length, 1) as [Model & { number: number }]
    if (how === 'ack') {
      this.chain.settle(m.number)
      return
    }
    const { segment, index } = this.chain.find(m.number)
    segment.deliveryCounts?.waits.delete(index)
    this.chain.requeue(m.number)
    this.ready.push({ ...m, waits: false })
    if (this.inOrderOfReturn) this.returned.push(m.id)
    this.ready.sort((a, b) => a.id - b.id)
  }

  /** Takes a ready one out of its turn. */
  private pull(which: number): void {
    if (this.ready.length === 0) return
    const at = which % this.ready.length
    const numbers = [...this.chain.browse(-1)].filter((b) => !b.unacked).map((b) => b.sequence)
    const number = numbers[at] as number
    const [m] = this.ready.splice(at, 1) as [Model]
    this.returned = this.returned.filter((id) => id !== m.id)
    this.chain.take(number)
    this.unacked.push({ ...m, delivered: m.delivered || undefined, number })
  }

  private wait(which: number): void {
    const m = this.unacked[which % this.unacked.length]
    if (m === undefined) return
    const { segment, index } = this.chain.find(m.number)
    segment.deliveryCounts ??= new DeliveryCounts()
    segment.deliveryCounts.waits.set(index, m.id + 1)
    this.chain.changed(m.number)
    m.waits = true
  }

  private head(): { model: Model; number: number } | undefined {
    const first = this.returned.shift()
    const at = first === undefined ? 0 : this.ready.findIndex((m) => m.id === first)
    const [expected] = this.ready.splice(at, 1)
    same(this.chain.head(), expected !== undefined)
    if (expected === undefined) return undefined
    const { headSegment: s, headIndex: i } = this.chain
    const end = (s.offsets[i] as number) + s.entryLength(i)
    const content = readContent(s.bytes as Uint8Array, s.namesStart(i), s.contentStart(i), end)
    same(content.routingKey, String(expected.id))
    same(content.body.equals(Buffer.alloc(content.body.length, expected.id & 0xff)), true)
    if (expected.delivered !== undefined) same(s.wasDelivered(i), expected.delivered)
    return { model: expected, number: s.base + i }
  }

  private async restart(): Promise<void> {
    await this.commit.flush()
    this.commit = new GroupCommit(this.storage, this.clock)
    this.commit.write({ op: 'drop-logs', from: SPILL_LOGS_FROM })
    this.log = new SegmentStore(1, this.commit, this.storage)
    this.pager = this.newPager()
    this.chain = this.open()
    this.returned = []
    this.chain.restore()
    const waiting = this.unacked.filter((m) => m.persistent && m.waits)
    sameDeep(
      this.chain.takeWaiting(() => expect.unreachable()).map((w) => [w.number, w.until]),
      waiting.map((m) => [m.number, m.id + 1]),
    )
    const all = [...this.ready, ...this.unacked.filter((m) => !m.waits)]
    this.ready = all.filter((m) => m.persistent).sort((a, b) => a.id - b.id)
    this.unacked = waiting
  }
}

describe('chain', () => {
  it.each([
    ['in its place', false],
    ['in the order of return', true],
  ])(
    'behaves like a list, across commits and restarts: what comes back is %s',
    { timeout: 240_000 },
    async (_, returnOrder) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
          const h = new Harness(returnOrder)
          for (const s of steps) await h.run(s)
          await h.run({ do: 'restart' })
          while (h.unacked.length > 0) await h.run({ do: 'ack', which: 0 })
          while (h.ready.length > 0) await h.run({ do: 'remove' })
          await h.commit.flush()
          sameDeep([...h.storage.segments(SPILL_LOGS_FROM)], [])
          await h.run({ do: 'restart' })
          await h.commit.flush()
          sameDeep([...h.storage.segments(1)], [])
        }),
        { numRuns: 3000 },
      )
    },
  )

  /** Found by the property above: a dropped segment had shared its number with a new one. */
  it('keeps what is appended after a restart that dropped an empty segment', async () => {
    const h = new Harness(false)
    for (const s of [
      { do: 'append', size: 0, persistent: true },
      { do: 'append', size: 70_000, persistent: false },
      { do: 'append', size: 0, persistent: false },
      { do: 'restart' },
      { do: 'append', size: 70_000, persistent: true },
      { do: 'restart' },
    ] as Step[])
      await h.run(s)
    expect(h.ready).toHaveLength(2)
  })

  it('writes nothing for what comes and goes within a batch', async () => {
    const h = new Harness(false)
    for (let i = 0; i < 50; i++) {
      await h.run({ do: 'append', size: 100, persistent: true })
      await h.run({ do: 'remove' })
    }
    await h.commit.flush()
    expect([...h.storage.segments(1)]).toEqual([])
  })

  it('spills whole segments that its log does not have all of, once, without touching that log', async () => {
    const h = new Harness(false)
    const writes: StorageWrite[] = []
    const write = h.storage.write.bind(h.storage)
    h.storage.write = (batch) => {
      writes.push(...batch)
      return write(batch)
    }
    // Persistent ones alone fill the first segments; then come both kinds.
    for (let i = 0; i < 60; i++) await h.run({ do: 'append', size: 3000, persistent: i < 20 || i % 2 === 0 })
    for (let i = 0; i < 4; i++) await h.commit.flush()
    const records = writes.filter((w) => w.op === 'record')
    const spilled = records.filter((r) => r.log === SPILL_LOGS_FROM)
    expect(spilled.length).toBeGreaterThan(0)
    expect(new Set(spilled.map((r) => r.segment)).size).toBe(spilled.length)
    expect(writes.filter((w) => w.op === 'drop-segment')).toEqual([])
    expect(h.chain.holding.memory).toBeLessThan(3 * SEGMENT_BYTES)
    const { ready } = h.chain
    while (h.ready.length > 40) await h.run({ do: 'take' })
    await h.run({ do: 'restart' })
    expect([ready, h.chain.ready]).toEqual([60, 40])
    expect([...h.storage.records(SPILL_LOGS_FROM, spilled[0]?.segment ?? 0)]).not.toEqual([])
    await h.commit.flush()
    expect([...h.storage.records(SPILL_LOGS_FROM, spilled[0]?.segment ?? 0)]).toEqual([])
    while (h.ready.length > 0) await h.run({ do: 'remove' })
  })

  it('loads nothing for a purge, though a message in the middle was taken out of its turn', async () => {
    const h = new Harness(false)
    for (let i = 0; i < 40; i++) await h.run({ do: 'append', size: 70_000, persistent: true })
    for (let i = 0; i < 4; i++) await h.commit.flush()
    await h.run({ do: 'pull', which: 20 })
    await h.commit.flush()
    const read: number[] = []
    const records = h.storage.records.bind(h.storage)
    h.storage.records = (log, segment) => {
      read.push(segment)
      return records(log, segment)
    }
    await h.run({ do: 'purge' })
    expect(read).toEqual([])
    expect(h.chain.holding.memory).toBeLessThan(4 * SEGMENT_BYTES)
    await h.run({ do: 'ack', which: 0 })
    await h.commit.flush()
    await h.run({ do: 'append', size: 10, persistent: true })
    await h.run({ do: 'restart' })
    expect(h.chain.ready).toBe(1)
  })

  it('goes through no messages one by one for a purge where none of a segment is unacked', async () => {
    const h = new Harness(false)
    const count = 30_000
    for (let i = 0; i < count; i++) await h.run({ do: 'append', size: 0, persistent: false })
    for (let i = 0; i < count && h.chain.head(); i++) h.chain.takeHead()
    // The last one stays unacked.
    for (let i = 0; i < count - 1; i++) h.chain.requeue(i)
    const settle = vi.spyOn(Segment.prototype, 'settle')
    onTestFinished(() => settle.mockRestore())
    expect([h.chain.purge(), h.chain.ready, h.chain.unacked]).toEqual([count - 1, 0, 1])
    expect(settle.mock.calls.length).toBeLessThanOrEqual(SEGMENT_MESSAGES_MAX)
  })

  it('writes one record a commit, not one a message', async () => {
    const h = new Harness(false)
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 10; i++) await h.run({ do: 'append', size: 10, persistent: true })
      await h.commit.flush()
    }
    const segments = [...h.storage.segments(1)]
    expect(segments).toHaveLength(1)
    expect([...h.storage.records(1, segments[0]?.segment ?? 0)].map((r) => r.index)).toEqual([0, 10, 20])
  })
})
