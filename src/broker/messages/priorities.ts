// hot: per message
/**
 * x-max-priority: one chain per priority level; the highest level with messages is served first (behaviour.md section
 * 11).
 */

import type { InboundMessage } from '../message.ts'
import type { Chain } from './chain.ts'
import type { Browsed, MessageOrder } from './order.ts'
import type { Segment } from './segment.ts'
import { addHolding, type Holding, holdingOf } from './segments.ts'

/** The lowest octet of a message's sequence number is its level. */
const LEVELS = 256

export class Priorities implements MessageOrder {
  /** Chains by level, from 0; created with the level's first message, since most queues use few of their levels. */
  private readonly chains: (Chain | undefined)[]
  /** The chains that exist, in no particular order. */
  private readonly used: Chain[] = []
  private readonly make: (level: number) => Chain
  private readonly isStored: (level: number) => boolean
  private headLevel = 0
  /** No level above this one has ready messages. */
  private top = 0
  /** The current second, which is recorded as the arrival time of messages. */
  private second = 0
  private destroyed = false

  /**
   * @param make creates the chain of a level, from 0 to `levels` - 1
   * @param isStored whether the store contains anything of a level
   */
  constructor(levels: number, make: (level: number) => Chain, isStored: (level: number) => boolean) {
    this.chains = new Array<Chain | undefined>(levels).fill(undefined)
    this.isStored = isStored
    this.make = make
  }

  private use(level: number): Chain {
    const chain = this.make(level)
    this.chains[level] = chain
    this.used.push(chain)
    chain.arriving(this.second)
    // No message may be written to disk any more.
    if (this.destroyed) chain.destroy()
    return chain
  }

  private sum(of: 'ready' | 'unacked' | 'readyBytes' | 'unackedBytes'): number {
    let total = 0
    for (let i = 0; i < this.used.length; i++) total += (this.used[i] as Chain)[of]
    return total
  }

  get ready(): number {
    return this.sum('ready')
  }

  get unacked(): number {
    return this.sum('unacked')
  }

  get readyBytes(): number {
    return this.sum('readyBytes')
  }

  get unackedBytes(): number {
    return this.sum('unackedBytes')
  }

  private get headChain(): Chain {
    return this.chains[this.headLevel] as Chain
  }

  get headSegment(): Segment {
    return this.headChain.headSegment
  }

  get headIndex(): number {
    return this.headChain.headIndex
  }

  get headSequence(): number {
    return this.headChain.headSequence * LEVELS + this.headLevel
  }

  private chainOf(sequence: number): Chain {
    return this.chains[sequence % LEVELS] as Chain
  }

  append(m: InboundMessage, expiresAt: number): void {
    const level = Math.min(m.priority, this.chains.length - 1)
    if (level > this.top) this.top = level
    const chain = this.chains[level] ?? this.use(level)
    chain.append(m, expiresAt)
  }

  get headSecond(): number {
    const seconds = this.used.map((c) => c.headSecond).filter((s) => s !== 0)
    return seconds.length === 0 ? 0 : Math.min(...seconds)
  }

  get holding(): Holding {
    return this.used.map((c) => c.holding).reduce(addHolding, holdingOf([]))
  }

  arriving(second: number): void {
    this.second = second
    for (let i = 0; i < this.used.length; i++) (this.used[i] as Chain).arriving(second)
  }

  head(): boolean {
    for (let level = this.top; level >= 0; level--) {
      if (this.chains[level]?.head() !== true) continue
      this.headLevel = this.top = level
      return true
    }
    this.top = 0
    return false
  }

  takeHead(): void {
    this.headChain.takeHead()
  }

  removeHead(): void {
    this.headChain.removeHead()
  }

  settle(sequence: number): void {
    this.chainOf(sequence).settle(Math.floor(sequence / LEVELS))
  }

  requeue(sequence: number): void {
    this.top = Math.max(this.top, sequence % LEVELS)
    this.chainOf(sequence).requeue(Math.floor(sequence / LEVELS))
  }

  take(sequence: number): void {
    this.chainOf(sequence).take(Math.floor(sequence / LEVELS))
  }

  changed(sequence: number): void {
    this.chainOf(sequence).changed(Math.floor(sequence / LEVELS))
  }

  takeWaiting(unread: (error: unknown) => void): { number: number; until: number }[] {
    return this.chains.flatMap((c, level) =>
      (c?.takeWaiting(unread) ?? []).map(({ number, until }) => ({ number: number * LEVELS + level, until })),
    )
  }

  /** In order of decreasing level. */
  *browse(after: number): Iterable<Browsed> {
    const first = after < 0 ? this.chains.length - 1 : after % LEVELS
    for (let level = first; level >= 0; level--) {
      const within = after >= 0 && level === first ? Math.floor(after / LEVELS) : -1
      for (const b of this.chains[level]?.browse(within) ?? [])
        yield { ...b, sequence: b.sequence * LEVELS + level }
    }
  }

  expired(now: number): number[] {
    for (let level = 0; level < this.chains.length; level++) {
      const found = this.chains[level]?.expired(now) ?? []
      if (found.length > 0) return found.map((n) => n * LEVELS + level)
    }
    return []
  }

  soonestExpiry(): number {
    let soonest = 0
    for (const c of this.used) {
      const at = c.soonestExpiry()
      if (at !== 0 && (soonest === 0 || at < soonest)) soonest = at
    }
    return soonest
  }

  find(sequence: number): { segment: Segment; index: number } {
    return this.chainOf(sequence).find(Math.floor(sequence / LEVELS))
  }

  restore(): number {
    this.top = this.chains.length - 1
    let ready = 0
    for (let level = 0; level < this.chains.length; level++)
      if (this.isStored(level)) ready += this.use(level).restore()
    return ready
  }

  purge(): number {
    // If a level cannot be read, none may be purged.
    for (const c of this.used) c.purge(true)
    return this.used.reduce((n, c) => n + c.purge(), 0)
  }

  destroy(): void {
    this.destroyed = true
    for (const c of this.used) c.destroy()
  }
}
