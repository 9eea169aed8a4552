/** Segments that are read from the disk out of turn, and leave memory again. */
import { describe, expect, it, vi } from 'vitest'
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
import { SPILL_LOGS_FROM } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const BUDGET = 8 * SEGMENT_BYTES
const COUNT = 2000

/** A queue many times as large as the memory, of which every tenth message expires soon. */
async function start(byReturn = false) {
  const clock = new ManualClock()
  const storage = new MemoryStorage({ keeps: true })
  const commit = new GroupCommit(storage, clock)
  const pager = new Pager(BUDGET, commit, clock)
  const log = new SegmentStore(1, commit, storage)
  const chain = new Chain(log, pager, () => new SpillStore(SPILL_LOGS_FROM, commit, storage), byReturn)
  const m = new InboundMessage()
  encodeContent('', 'q', { deliveryMode: 2 }, Buffer.alloc(10_000), m)
  const soon = clock.now() + 1000
  for (let i = 0; i < COUNT; i++) {
    m.adoptable = false
    chain.append(m, i % 10 === 1 ? soon : soon + 1e9)
    if (i % 100 === 0) await commit.flush()
  }
  await commit.flush()
  return { clock, commit, pager, chain, m, soon }
}

describe('segments far behind the head leave memory again', () => {
  it('whose messages have expired', async () => {
    const { commit, pager, chain, soon } = await start()
    expect(pager.resident).toBeLessThanOrEqual(2 * BUDGET)
    for (let found = chain.expired(soon + 1); found.length > 0; found = chain.expired(soon + 1))
      for (const n of found) {
        chain.take(n)
        chain.settle(n)
      }
    await commit.flush()
    expect(chain.ready).toBe(COUNT - COUNT / 10)
    expect(pager.resident).toBeLessThanOrEqual(2 * BUDGET)
  })

  it('of which single messages are taken', async () => {
    const { commit, pager, chain } = await start()
    for (let n = 5; n < COUNT; n += 20) {
      for (const b of chain.browse(n - 1)) {
        expect(b.sequence).toBe(n)
        break
      }
      chain.take(n)
      chain.settle(n)
    }
    await commit.flush()
    expect(pager.resident).toBeLessThanOrEqual(2 * BUDGET)
  })

  it('that are only looked at', async () => {
    const { clock, pager, chain } = await start()
    for (let n = 5; n < COUNT; n += 20) for (const _ of chain.browse(n - 1)) break
    clock.runDeferred()
    expect(pager.resident).toBeLessThanOrEqual(2 * BUDGET)
  })

  it('but not while the message at the head, which was returned, is delivered', async () => {
    const { clock, commit, chain, m } = await start(true)
    const n = COUNT / 2
    chain.take(n)
    await commit.flush()
    chain.requeue(n)
    expect([chain.head(), chain.headSequence]).toEqual([true, n])
    // What a delivery causes, such as traces.
    for (let i = 0; i < 100; i++) chain.append(m, 0)
    clock.runDeferred()
    expect(chain.headSegment.content(chain.headIndex).body).toHaveLength(10_000)
    chain.takeHead()
    expect([chain.unacked, chain.readyBytes]).toEqual([1, (COUNT + 99) * 10_000])
  })
})

it('a segment that a socket is sending stays until it is sent', async () => {
  const clock = new ManualClock()
  const storage = new MemoryStorage({ keeps: true })
  const commit = new GroupCommit(storage, clock)
  const memories = new SegmentMemory(1)
  const pager = new Pager(0, commit, clock, () => {}, memories)
  const log = new SegmentStore(1, commit, storage)
  const chain = new Chain(log, pager, () => new SpillStore(SPILL_LOGS_FROM, commit, storage))
  for (let i = 0; i < 3; i++) {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2 }, Buffer.alloc(200_000), m)
    m.adoptable = true
    chain.append(m, 0)
  }
  await commit.flush()
  chain.take(1)
  clock.runDeferred()
  for (let i = 0; i < 2; i++) {
    const { segment } = chain.find(1)
    segment.pin()
    clock.runDeferred()
    expect(segment.bytes).toBeDefined()
  }
  const { segment } = chain.find(1)
  segment.unpin()
  segment.unpin()
  chain.settle(1)
  await commit.flush()
  while (chain.head()) chain.removeHead()
  await commit.flush()
  memories.forget()
  expect([segment.gone, memories.bytes]).toEqual([true, 0])
  pager.stop()
})

it('a message is settled as a whole or not at all if its segment cannot be read', async () => {
  const clock = new ManualClock()
  const storage = new MemoryStorage({ keeps: true })
  const commit = new GroupCommit(storage, clock)
  const pager = new Pager(0, commit, clock)
  const log = new SegmentStore(1, commit, storage)
  const chain = new Chain(log, pager, () => new SpillStore(SPILL_LOGS_FROM, commit, storage))
  for (let i = 0; i < 3; i++) {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2 }, Buffer.alloc(200_000), m)
    chain.append(m, 0)
  }
  await commit.flush()
  clock.runDeferred()
  chain.take(1)
  clock.runDeferred()
  const memory = vi.spyOn(pager, 'room').mockImplementationOnce(() => {
    throw new RangeError('Array buffer allocation failed')
  })
  expect(() => chain.settle(1)).toThrow('allocation')
  memory.mockRestore()
  expect([chain.unacked, chain.unackedBytes]).toEqual([1, 200_000])
  chain.settle(1)
  expect([chain.unacked, chain.unackedBytes, chain.ready]).toEqual([0, 0, 2])
  pager.stop()
})
