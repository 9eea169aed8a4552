import { describe, expect, it, onTestFinished } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { Chain } from '../../src/broker/messages/chain.ts'
import { Pager } from '../../src/broker/messages/pager.ts'
import { SEGMENT_BYTES } from '../../src/broker/messages/segment.ts'
import { SegmentMemory } from '../../src/broker/messages/segment-memory.ts'
import { SegmentStore } from '../../src/broker/messages/segment-store.ts'
import { SpillStore } from '../../src/broker/messages/spill-store.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { same } from '../support/same.ts'

describe('memory of segments', () => {
  it('is never in two hands, comes from few slabs, and those that are free are let go of', () => {
    const memories = new SegmentMemory()
    const held: Uint8Array[] = []
    let seed = 7
    for (let step = 0; step < 5000; step++) {
      seed = (seed * 1103515245 + 12345) % 2147483648
      if (held.length > 0 && (seed >> 8) % 3 === 0) {
        const [piece] = held.splice((seed >> 12) % held.length, 1) as [Uint8Array]
        same(piece[0], piece[SEGMENT_BYTES - 1], `step ${step}`)
        same(memories.give(piece), true)
      } else if (held.length < 300) {
        const piece = memories.take()
        same(piece.length, SEGMENT_BYTES)
        const taken = held.some((h) => h.buffer === piece.buffer && h.byteOffset === piece.byteOffset)
        same(taken, false)
        piece[0] = piece[SEGMENT_BYTES - 1] = step & 255
        held.push(piece)
      }
    }
    expect(memories.bytes).toBeLessThanOrEqual(4 * 132 * SEGMENT_BYTES)
    expect(memories.give(new Uint8Array(SEGMENT_BYTES))).toBe(false)
    for (const piece of held) memories.give(piece)
    const { bytes } = memories
    expect(memories.forget()).toBe(bytes)
    expect(memories.bytes).toBe(0)
  })
})

function messageOf(bytes: number): InboundMessage {
  const m = new InboundMessage()
  encodeContent('', 'q', { deliveryMode: 1 }, Buffer.alloc(bytes), m)
  m.adoptable = false
  return m
}

describe('after a flood', () => {
  it('empty queues hold no segments, and queues go on as before', () => {
    const clock = new ManualClock()
    let freed = 0
    const commit = new GroupCommit(new MemoryStorage(), clock)
    const pager = new Pager(1e9, commit, clock, () => freed++)
    const chains = Array.from(
      { length: 200 },
      () =>
        new Chain(undefined, pager, () => {
          throw new Error('nothing is paged out here')
        }),
    )
    const m = messageOf(30_000)
    for (const chain of chains) for (let i = 0; i < 12; i++) chain.append(m, 0)
    for (const chain of chains.slice(1)) while (chain.head()) chain.removeHead()
    expect(pager.resident).toBeGreaterThan(200 * SEGMENT_BYTES)
    for (let i = 0; i < 3; i++) clock.pass(2500)
    expect(freed).toBe(1)
    // The one that still has messages, and nothing else.
    expect(pager.resident).toBe(chains[0]?.holding.memory)
    for (const chain of chains) {
      const before = chain.ready
      expect([...chain.browse(-1)]).toHaveLength(before)
      expect(chain.expired(clock.now())).toEqual([])
      for (let i = 0; i < 3; i++) chain.append(m, 0)
      expect(chain.ready).toBe(before + 3)
      while (chain.head()) chain.removeHead()
      expect(chain.ready).toBe(0)
    }
    for (let i = 0; i < 3; i++) clock.pass(2500)
    for (const chain of chains) expect(chain.holding.memory).toBeLessThan(SEGMENT_BYTES)
    pager.stop()
  })
})

describe('a few messages that stay behind a flood', () => {
  const slabs = 3
  function flooded() {
    const clock = new ManualClock()
    const commit = new GroupCommit(new MemoryStorage(), clock)
    const memories = new SegmentMemory()
    const pager = new Pager(1e9, commit, clock, () => {}, memories)
    onTestFinished(() => pager.stop())
    const length = slabs * 132
    const neverSpills = (): never => {
      throw new Error('nothing is paged out here')
    }
    const chains = Array.from({ length }, () => new Chain(undefined, pager, neverSpills))
    const m = messageOf(200_000)
    for (const chain of chains) {
      chain.append(m, 0)
      chain.append(messageOf(7), 0)
    }
    expect(memories.bytes).toBe(slabs * 132 * SEGMENT_BYTES)
    const staying = chains.filter((_, i) => i % 132 === 66)
    for (const chain of chains) {
      const left = staying.includes(chain) ? 1 : 0
      while (chain.head() && chain.ready > left) chain.removeHead()
    }
    return { clock, pager, memories, staying }
  }

  it.each([
    ['soon', 3],
    ['at once where memory is low', 0],
  ])('do not keep its memory: they move, %s', (_, pauses) => {
    const { clock, pager, memories, staying } = flooded()
    for (let i = 0; i < pauses; i++) clock.pass(2500)
    if (pauses === 0) pager.forgetPool()
    expect(memories.bytes).toBe(0)
    for (const chain of staying) {
      expect([chain.ready, chain.head()]).toEqual([1, true])
      expect(chain.headSegment.bodySize(chain.headIndex)).toBe(7)
      chain.append(messageOf(9), 0)
      chain.removeHead()
      expect(chain.head()).toBe(true)
      expect(chain.headSegment.bodySize(chain.headIndex)).toBe(9)
      chain.removeHead()
      expect(chain.ready).toBe(0)
    }
    expect(pager.resident).toBeGreaterThanOrEqual(0)
  })
})

describe('very many messages that stay behind a flood', () => {
  it('move some at a time, until none is left in a slab', () => {
    const clock = new ManualClock()
    const commit = new GroupCommit(new MemoryStorage(), clock)
    const memories = new SegmentMemory(4)
    const pager = new Pager(1e9, commit, clock, () => {}, memories)
    onTestFinished(() => pager.stop())
    const m = messageOf(200_000)
    // A slab has four pieces, and one of them stays in use.
    const chains = Array.from({ length: 400 }, () => {
      const neverSpills = (): never => {
        throw new Error('nothing is paged out here')
      }
      const chain = new Chain(undefined, pager, neverSpills)
      for (let i = 0; i < 2; i++) chain.append(m, 0)
      return chain
    })
    chains.forEach((chain, i) => {
      const left = i % 4 === 0 ? 1 : 0
      while (chain.head() && chain.ready > left) chain.removeHead()
    })
    const slab = 4 * SEGMENT_BYTES
    expect(memories.bytes).toBe(100 * slab)
    const left: number[] = []
    for (let looks = 0; memories.bytes > 0 && looks < 10; looks++) {
      pager.forgetPool()
      left.push(memories.bytes / slab)
    }
    // 84 messages are the first that come to 16 MiB together.
    expect(left).toEqual([16, 0])
    for (const chain of chains.filter((c) => c.ready > 0)) {
      expect(chain.head()).toBe(true)
      expect(chain.headSegment.bodySize(chain.headIndex)).toBe(200_000)
    }
  })
})

describe('a segment that the store cannot read', () => {
  it('stays on disk, with its memory given back, and is read when the store can', async () => {
    const clock = new ManualClock()
    const storage = new MemoryStorage({ keeps: true })
    const commit = new GroupCommit(storage, clock)
    const pager = new Pager(1, commit, clock)
    const log = new SegmentStore(1, commit, storage)
    const chain = new Chain(log, pager, () => new SpillStore(2, commit, storage))
    const m = messageOf(30_000)
    for (let i = 0; i < 40; i++) {
      chain.append(m, 0)
      await commit.flush()
    }
    const before = pager.resident
    const records = storage.records.bind(storage)
    let broken = true
    storage.records = function* (id, segment) {
      for (const r of records(id, segment)) {
        yield r
        if (broken) throw new Error('the store is closed')
      }
    }
    const drain = (): void => {
      while (chain.head()) chain.removeHead()
    }
    expect(drain).toThrow('the store is closed')
    const { ready } = chain
    for (let i = 0; i < 1000; i++) expect(() => chain.head()).toThrow('the store is closed')
    expect(pager.resident).toBeLessThanOrEqual(before)
    broken = false
    expect(chain.ready).toBe(ready)
    let count = 0
    for (; chain.head(); count++) {
      expect(chain.headSegment.bodySize(chain.headIndex)).toBe(30_000)
      chain.removeHead()
    }
    expect([count, chain.ready]).toEqual([ready, 0])
  })
})
