// hot: per message
/** x-single-active-consumer: one consumer gets everything, the others wait for their turn (behaviour.md section 11). */
import type { Consumer, ConsumerRound } from './consumers.ts'

export class SingleActiveConsumer implements ConsumerRound {
  active: Consumer | undefined
  /** In the order of their arrival. */
  private readonly all = new Set<Consumer>()
  private readonly yields: boolean
  /** Takes over as soon as the deliveries of the active one are settled; until then nobody gets messages. */
  private successor: Consumer | undefined

  /** @param yields the active one makes room for one of a higher priority */
  constructor(yields: boolean) {
    this.yields = yields
  }

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
    if (!this.yields || c.priority <= (this.successor ?? this.active).priority) return
    this.successor = c
    this.handOver()
  }

  remove(c: Consumer): void {
    if (!this.all.delete(c)) return
    if (this.active === c) {
      this.active = this.first()
      this.successor = undefined
    } else if (this.successor === c) {
      const first = this.first()
      const active = this.active as Consumer
      this.successor = first !== undefined && first.priority > active.priority ? first : undefined
    }
  }

  /** By priority, then arrival. */
  private first(): Consumer | undefined {
    let first: Consumer | undefined
    for (const c of this.all) if (first === undefined || c.priority > first.priority) first = c
    return first
  }

  /** The active one stays parked while it has deliveries: the settlement of each leads to `resume`. */
  private handOver(): void {
    const active = this.active as Consumer
    active.parked = active.unacked > 0
    if (active.parked) return
    this.active = this.successor
    this.successor = undefined
  }

  resume(c: Consumer): void {
    c.parked = false
    if (this.successor !== undefined && c === this.active) this.handOver()
  }

  next(): Consumer | undefined {
    const c = this.active
    if (c === undefined || this.successor !== undefined) return undefined
    if (c.hasCredit()) return c
    c.parked = true
    return undefined
  }
}
