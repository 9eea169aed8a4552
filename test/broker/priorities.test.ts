/** The levels of a queue with priorities that are made. */
import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { Chain } from '../../src/broker/messages/chain.ts'
import { Pager } from '../../src/broker/messages/pager.ts'
import { Priorities } from '../../src/broker/messages/priorities.ts'
import { SegmentStore } from '../../src/broker/messages/segment-store.ts'
import { SpillStore } from '../../src/broker/messages/spill-store.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { SPILL_LOGS_FROM } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const LEVELS = 256

function open(storage = new MemoryStorage({ keeps: true })) {
  const clock = new ManualClock()
  const commit = new GroupCommit(storage, clock)
  const pager = new Pager(2 ** 24, commit, clock)
  const made: number[] = []
  const make = (level: number): Chain => {
    made.push(level)
    const log = new SegmentStore(1 + level, commit, storage)
    return new Chain(log, pager, () => new SpillStore(SPILL_LOGS_FROM, commit, storage))
  }
  const isStored = (level: number): boolean => [...storage.segments(1 + level)].length > 0
  const order = new Priorities(LEVELS, make, isStored)
  const publish = (priority: number, body: string): void => {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2, priority }, Buffer.from(body), m)
    m.priority = priority
    m.persistent = true
    order.append(m, 0)
  }
  const take = (): string | undefined => {
    if (!order.head()) return undefined
    const body = String(order.headSegment.content(order.headIndex).body)
    order.takeHead()
    return body
  }
  return { storage, commit, made, order, publish, take }
}

describe('the levels of a queue with priorities', () => {
  it('cost nothing before they have messages', () => {
    const { order, made, publish, take } = open()
    order.arriving(1000)
    expect([order.head(), order.ready, order.purge(), order.headSecond, order.soonestExpiry()]).toEqual([
      false,
      0,
      0,
      0,
      0,
    ])
    expect(order.holding).toEqual({ memory: 0, messages: 0, persistent: 0 })
    expect([[...order.browse(-1)], order.expired(5), order.takeWaiting(() => expect.unreachable())]).toEqual([
      [],
      [],
      [],
    ])
    expect(made).toEqual([])
    publish(7, 'a')
    publish(200, 'b')
    publish(7, 'c')
    expect(made).toEqual([7, 200])
    expect([...order.browse(-1)].map((b) => [String(b.segment.content(b.index).body), b.arrivedAt])).toEqual([
      ['b', 1_000_000],
      ['a', 1_000_000],
      ['c', 1_000_000],
    ])
    expect([order.ready, take(), take(), take(), take()]).toEqual([3, 'b', 'a', 'c', undefined])
    expect(made).toEqual([7, 200])
  })

  it('are made again after a restart where the store has something of them', async () => {
    const before = open()
    for (const level of [0, 9, 255]) before.publish(level, String(level))
    await before.commit.flush()
    const { order, made, take } = open(before.storage)
    expect(order.restore()).toBe(3)
    expect(made).toEqual([0, 9, 255])
    expect([take(), take(), take(), take()]).toEqual(['255', '9', '0', undefined])
  })

  it('write nothing once their queue is deleted', async () => {
    const { order, commit, publish, storage } = open()
    publish(3, 'x')
    order.destroy()
    publish(4, 'late')
    await commit.flush()
    expect([...storage.logs()].filter((log) => [...storage.segments(log)].length > 0)).toEqual([])
  })
})
