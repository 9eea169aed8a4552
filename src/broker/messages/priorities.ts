// hot: per message
/** x-max-priority: one chain per level; the highest level with messages is served first (behaviour.md section 11). */

import type { InboundMessage } from '../message.ts'
import type { Chain } from './chain.ts'
import type { Browsed, MessageOrder } from './order.ts'
import type { Segment } from './segment.ts'
import { addHolding, type Holding } from './segments.ts'

/** A message's number carries its level in the lowest octet. */
const LEVELS = 256

export class Priorities implements MessageOrder {
  /** By level, from 0. */
  private readonly chains: readonly Chain[]
  private headLevel = 0
  /** No level above has ready messages. */
  private top = 0

  constructor(chains: readonly Chain[]) {
    this.chains = chains
  }

  private sum(of: 'ready' | 'unacked' | 'readyBytes' | 'unackedBytes'): number {
    let total = 0
    for (let i = 0; i < this.chains.length; i++) total += (this.chains[i] as Chain)[of]
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
    ;(this.chains[level] as Chain).append(m, expiresAt)
  }

  get headSecond(): number {
    const seconds = this.chains.map((c) => c.headSecond).filter((s) => s !== 0)
    return seconds.length === 0 ? 0 : Math.min(...seconds)
  }

  get holding(): Holding {
    return this.chains.map((c) => c.holding).reduce(addHolding)
  }

  arriving(second: number): void {
    for (const c of this.chains) c.arriving(second)
  }

  head(): boolean {
    for (let level = this.top; level >= 0; level--) {
      this.headLevel = level
      if (!this.headChain.head()) continue
      this.top = level
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

  takeWaiting(): { number: number; until: number }[] {
    return this.chains.flatMap((c, level) =>
      c.takeWaiting().map(({ number: sequence, until }) => ({ number: sequence * LEVELS + level, until })),
    )
  }

  /** From the highest level down. */
  *browse(after: number): Iterable<Browsed> {
    const first = after < 0 ? this.chains.length - 1 : after % LEVELS
    for (let level = first; level >= 0; level--) {
      const within = after >= 0 && level === first ? Math.floor(after / LEVELS) : -1
      for (const b of (this.chains[level] as Chain).browse(within))
        yield { ...b, sequence: b.sequence * LEVELS + level }
    }
  }

  expired(now: number): number[] {
    for (let level = 0; level < this.chains.length; level++) {
      const found = (this.chains[level] as Chain).expired(now)
      if (found.length > 0) return found.map((n) => n * LEVELS + level)
    }
    return []
  }

  soonestExpiry(): number {
    let soonest = 0
    for (const c of this.chains) {
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
    return this.chains.reduce((n, c) => n + c.restore(), 0)
  }

  purge(): number {
    return this.chains.reduce((n, c) => n + c.purge(), 0)
  }

  destroy(): void {
    for (const c of this.chains) c.destroy()
  }
}
