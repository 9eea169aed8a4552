// hot: per message
/** x-single-active-consumer: one consumer gets everything, the others wait for their turn (behaviour.md section 11). */
import { Heap } from '../../util/heap.ts'
import type { Consumer, ConsumerRound } from './consumers.ts'

/** Consumers that have gone and may stand in the order all the same. */
const GONE_KEPT = 64

export class SingleActiveConsumer implements ConsumerRound {
  active: Consumer | undefined
  /** In the order of their arrival, with a number for each. */
  private readonly all = new Map<Consumer, number>()
  private readonly byNumber = new Map<number, Consumer>()
  private nextNumber = 0
  /** The numbers by priority, then arrival; some may have gone. */
  private readonly order = new Heap()
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
    return this.all.keys()
  }

  /** Exclusive consumers are refused where one is active at a time. */
  get hasExclusive(): boolean {
    return false
  }

  add(c: Consumer): void {
    this.all.set(c, this.nextNumber)
    this.byNumber.set(this.nextNumber, c)
    this.order.push(-c.priority, this.nextNumber++)
    c.parked = false
    this.active ??= c
    if (!this.yields || c.priority <= (this.successor ?? this.active).priority) return
    this.successor = c
    this.handOver()
  }

  remove(c: Consumer): void {
    const number = this.all.get(c)
    if (number === undefined) return
    this.all.delete(c)
    this.byNumber.delete(number)
    this.tidy()
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
    const { order, byNumber } = this
    while (order.size > 0) {
      const first = byNumber.get(order.firstValue)
      if (first !== undefined) return first
      order.pop()
    }
    return undefined
  }

  /** Forgets those that have gone, where they are most of the order. */
  private tidy(): void {
    if (this.order.size <= 2 * this.all.size + GONE_KEPT) return
    this.order.clear()
    for (const [c, number] of this.all) this.order.push(-c.priority, number)
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
