import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { Incoming, readContent } from '../../src/broker/message.ts'
import { Chain } from '../../src/broker/queue/chain.ts'
import { Pager } from '../../src/broker/queue/pager.ts'
import { QueueLog } from '../../src/broker/queue/queue-log.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

type Step =
  | { do: 'append'; size: number; persistent: boolean }
  | { do: 'take' | 'remove' | 'commit' | 'restart' }
  | { do: 'ack' | 'requeue'; which: number }

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
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'restart' as const) }) },
)

interface Model {
  id: number
  persistent: boolean
  delivered: boolean
}

/** The queue as plain arrays; everything that a Chain may not get wrong. */
class Harness {
  readonly storage = new MemoryStorage({ keeps: true })
  readonly clock = new ManualClock()
  commit = new GroupCommit(this.storage, this.clock)
  log = new QueueLog(1, this.commit, this.storage)
  /** So little that everything sealed leaves memory as soon as it can. */
  pager = new Pager(1, this.commit)
  chain = new Chain(this.log, this.pager, () => this.log)
  ready: Model[] = []
  unacked: (Model & { number: number })[] = []
  private next = 0

  async run(s: Step): Promise<void> {
    switch (s.do) {
      case 'append': {
        const m = new Incoming()
        const id = this.next++
        encodeContent(
          'x',
          String(id),
          { deliveryMode: s.persistent ? 2 : 1 },
          Buffer.alloc(s.size, id & 0xff),
          m,
        )
        this.chain.append(m, 0)
        this.ready.push({ id, persistent: s.persistent, delivered: false })
        break
      }
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
      case 'requeue': {
        if (this.unacked.length === 0) break
        const [m] = this.unacked.splice(s.which % this.unacked.length, 1) as [Model & { number: number }]
        if (s.do === 'ack') this.chain.settle(m.number)
        else {
          this.chain.giveBack(m.number)
          this.ready.push(m)
          this.ready.sort((a, b) => a.id - b.id)
        }
        break
      }
      case 'commit':
        await this.commit.settled()
        break
      case 'restart':
        await this.restart()
        break
    }
    expect([this.chain.ready, this.chain.unacked]).toEqual([this.ready.length, this.unacked.length])
  }

  private head(): { model: Model; number: number } | undefined {
    const expected = this.ready.shift()
    expect(this.chain.head()).toBe(expected !== undefined)
    if (expected === undefined) return undefined
    const { headSegment: s, headIndex: i } = this.chain
    const end = (s.offsets[i] as number) + s.entryLength(i)
    const content = readContent(s.bytes as Uint8Array, s.namesStart(i), s.contentStart(i), end)
    expect([
      content.routingKey,
      content.body.every((b) => b === (expected.id & 0xff)),
      s.wasDelivered(i),
    ]).toEqual([String(expected.id), true, expected.delivered])
    return { model: expected, number: s.base + i }
  }

  private async restart(): Promise<void> {
    await this.commit.settled()
    this.commit = new GroupCommit(this.storage, this.clock)
    this.log = new QueueLog(1, this.commit, this.storage)
    this.pager = new Pager(1, this.commit)
    this.chain = new Chain(this.log, this.pager, () => this.log)
    this.chain.restore()
    const all = [...this.ready, ...this.unacked.map((u) => ({ ...u, delivered: true }))]
    this.ready = all.filter((m) => m.persistent).sort((a, b) => a.id - b.id)
    this.unacked = []
  }
}

describe('chain', () => {
  it('behaves like a list, across commits and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const h = new Harness()
        for (const s of steps) await h.run(s)
        await h.run({ do: 'restart' })
        while (h.ready.length > 0) await h.run({ do: 'remove' })
        await h.commit.settled()
        await h.run({ do: 'restart' })
        await h.commit.settled()
        expect([...h.storage.segments(1)]).toEqual([])
      }),
      { numRuns: 3000 },
    )
  })

  /** Found by the property above: a dropped segment had shared its number with a new one. */
  it('keeps what is appended after a restart that dropped an empty segment', async () => {
    const h = new Harness()
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
    const h = new Harness()
    for (let i = 0; i < 50; i++) {
      await h.run({ do: 'append', size: 100, persistent: true })
      await h.run({ do: 'remove' })
    }
    await h.commit.settled()
    expect([...h.storage.segments(1)]).toEqual([])
  })

  it('writes one record a commit, not one a message', async () => {
    const h = new Harness()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 10; i++) await h.run({ do: 'append', size: 10, persistent: true })
      await h.commit.settled()
    }
    const segments = [...h.storage.segments(1)]
    expect(segments).toHaveLength(1)
    expect([...h.storage.records(1, segments[0]?.segment ?? 0)].map((r) => r.index)).toEqual([0, 10, 20])
  })
})
