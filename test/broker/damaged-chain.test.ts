/** A chain of messages whose records are lost on disk at any moment: what is left comes out in order, and the counts follow. */
import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { Chain } from '../../src/broker/messages/chain.ts'
import { Pager } from '../../src/broker/messages/pager.ts'
import { SegmentMemory } from '../../src/broker/messages/segment-memory.ts'
import { SegmentStore } from '../../src/broker/messages/segment-store.ts'
import { SpillStore } from '../../src/broker/messages/spill-store.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { SPILL_LOGS_FROM } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** Fills a segment, so that the ones before it are sealed and leave memory. */
const LARGE = 70_000

class Damaged {
  private readonly storage = new MemoryStorage({ keeps: true })
  private readonly clock = new ManualClock()
  private readonly commit = new GroupCommit(this.storage, this.clock)
  private readonly log = new SegmentStore(1, this.commit, this.storage)
  readonly chain: Chain
  readonly unacked: number[] = []
  private seed: number

  constructor(seed: number, byReturn: boolean) {
    this.seed = seed
    const pager = new Pager(1, this.commit, this.clock, undefined, new SegmentMemory(2))
    const spill = (): SpillStore => new SpillStore(SPILL_LOGS_FROM, this.commit, this.storage)
    this.chain = new Chain(this.log, pager, spill, byReturn)
  }

  chance(below: number): number {
    this.seed = (this.seed * 1103515245 + 12345) % 2147483648
    return (this.seed >> 8) % below
  }

  append(size: number, persistent: boolean): void {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: persistent ? 2 : 1 }, Buffer.alloc(size), m)
    this.chain.append(m, 0)
  }

  take(): void {
    const { chain } = this
    if (!chain.head()) return
    this.unacked.push(chain.headSegment.base + chain.headIndex)
    chain.takeHead()
  }

  /** Takes a ready message out of its turn, as an expiry does. */
  pull(): void {
    const ready = [...this.chain.browse(-1)].filter((b) => !b.unacked).map((b) => b.sequence)
    const n = ready[this.chance(Math.max(1, ready.length))]
    if (n === undefined) return
    this.chain.take(n)
    this.unacked.push(n)
  }

  private settle(how: 'settle' | 'requeue'): void {
    if (this.unacked.length === 0) return
    const [n] = this.unacked.splice(this.chance(this.unacked.length), 1) as [number]
    const { segment, index } = this.chain.find(n)
    if (!segment.lacks(index)) this.chain[how](n)
  }

  requeueAll(): void {
    while (this.unacked.length > 0) this.settle('requeue')
  }

  async page(): Promise<void> {
    await this.commit.flush()
  }

  /** Loses that share of all records. */
  async lose(oneIn: number): Promise<void> {
    for (const log of [1, SPILL_LOGS_FROM])
      for (const { segment } of [...this.storage.segments(log)])
        for (const { index } of [...this.storage.records(log, segment)])
          if (this.chance(oneIn) === 0) await this.storage.write([{ op: 'drop-record', log, segment, index }])
  }

  async step(): Promise<void> {
    const { chain } = this
    switch (this.chance(12)) {
      case 0:
      case 1:
      case 2:
        this.append([10, 3000, LARGE][this.chance(3)] as number, this.chance(2) === 0)
        break
      case 3:
      case 4:
        this.take()
        break
      case 5:
        if (this.chance(2) === 0) this.pull()
        else if (chain.head()) chain.removeHead()
        break
      case 6:
        this.settle('settle')
        break
      case 7:
      case 8:
        this.settle('requeue')
        break
      case 9:
        await this.page()
        break
      case 10:
        if (this.chance(3) === 0) await this.lose(4)
        break
      default:
        if (this.chance(8) === 0) chain.purge()
        else if (this.chance(4) === 0) for (const _ of chain.browse(-1));
    }
  }

  /** Number of messages that come out. */
  drain(): number {
    let n = 0
    for (; this.chain.head(); n++) this.chain.removeHead()
    return n
  }
}

describe.each([
  ['in its place', false],
  ['in the order of return', true],
])('a chain whose records are lost, where what comes back is %s,', (_, byReturn) => {
  it('is empty when all that is left had been requeued ahead of its turn, and is lost', async () => {
    const d = new Damaged(1, byReturn)
    for (let i = 0; i < 3; i++) d.append(LARGE, true)
    const [first, second, last] = [...d.chain.browse(-1)].map((b) => b.sequence) as [number, number, number]
    d.chain.take(last)
    d.chain.requeue(last)
    d.append(10, true)
    d.chain.take(first)
    d.chain.take(second)
    const [tail] = [...d.chain.browse(last)].map((b) => b.sequence) as [number]
    d.chain.take(tail)
    await d.page()
    await d.lose(1)
    // The unacknowledged ones are in memory, so that nothing else is found to be lost.
    for (const n of [first, second]) d.chain.find(n)
    expect(d.chain.ready).toBe(1)
    expect([d.chain.head(), d.chain.ready, d.chain.unacked]).toEqual([false, 0, 3])
  })

  it('gives what is left, whatever happens in between', async () => {
    let lost = 0
    for (let seed = 1; seed <= 400; seed++) {
      const d = new Damaged(seed, byReturn)
      try {
        for (let i = 0; i < 80; i++) await d.step()
        d.requeueAll()
        await d.page()
        await d.lose(2)
        const { ready } = d.chain
        const left = d.drain()
        expect(left, `seed ${seed}`).toBeLessThanOrEqual(ready)
        lost += ready - left
        expect([d.chain.ready, d.chain.unacked], `seed ${seed}`).toEqual([0, 0])
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
    expect(lost).toBeGreaterThan(100)
  })
})
