// hot: per message
/** x-single-active-consumer: one consumer gets everything, the others wait for their turn (behaviour.md section 11). */
import type { Consumer, ConsumerRound } from './consumers.ts'

export class SingleActiveConsumer implements ConsumerRound {
  readonly single = true
  /** In the order of their arrival. */
  private readonly all = new Set<Consumer>()
  private active: Consumer | undefined

  get size(): number {
    return this.all.size
  }

  [Symbol.iterator](): Iterator<Consumer> {
    return this.all.values()
  }

  /** Exclusive consumers are refused where one is active at a time. */
  get hasExclusive(): boolean {
    return false
  }

  add(c: Consumer): void {
    this.all.add(c)
    c.parked = false
    this.active ??= c
  }

  remove(c: Consumer): void {
    if (!this.all.delete(c) || this.active !== c) return
    this.active = undefined
    for (const next of this.all)
      if (this.active === undefined || next.priority > this.active.priority) this.active = next
  }

  resume(c: Consumer): void {
    c.parked = false
  }

  next(): Consumer | undefined {
    const c = this.active
    if (c === undefined || c.hasCredit()) return c
    c.parked = true
    return undefined
  }
}
