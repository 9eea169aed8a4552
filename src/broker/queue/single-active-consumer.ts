// hot: per message
/** x-single-active-consumer: one consumer gets all messages, the others wait to take over (behaviour.md section 11). */
import { Heap } from '../../util/heap.ts'
import type { Consumer, ConsumerRound } from './consumers.ts'

/** Number of cancelled consumers that may remain in `order`. */
const GONE_KEPT = 64

export class SingleActiveConsumer implements ConsumerRound {
  active: Consumer | undefined
  /** Consumers in order of arrival, each with a number. */
  private readonly all = new Map<Consumer, number>()
  private readonly byNumber = new Map<number, Consumer>()
  private nextNumber = 0
  /** Consumer numbers by priority, then arrival; may include numbers of cancelled consumers. */
  private readonly order = new Heap()
  private readonly yields: boolean
  /** Becomes active once the deliveries of the active consumer are settled; until then no messages are delivered. */
  private successor: Consumer | undefined

  /** @param yields whether the active consumer yields to one of higher priority */
  constructor(yields: boolean) {
    this.yields = yields
  }

  get size(): number {
    return this.all.size
  }

  [Symbol.iterator](): Iterator<Consumer> {
    return this.all.keys()
  }

  /** Exclusive consumers are rejected on such queues. */
  get hasExclusive(): boolean {
    return false
  }

  add(c: Consumer): void {
    this.all.set(c, this.nextNumber)
    this.byNumber.set(this.nextNumber, c)
    this.order.push(-c.priority, this.nextNumber++)
    c.resting = false
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

  /** The first consumer by priority, then arrival. */
  private first(): Consumer | undefined {
    const { order, byNumber } = this
    while (order.size > 0) {
      const first = byNumber.get(order.firstValue)
      if (first !== undefined) return first
      order.pop()
    }
    return undefined
  }

  /** Removes cancelled consumers from `order` when they outnumber the others. */
  private tidy(): void {
    if (this.order.size <= 2 * this.all.size + GONE_KEPT) return
    this.order.clear()
    for (const [c, number] of this.all) this.order.push(-c.priority, number)
  }

  /**
   * Activates the successor, unless the active consumer still has deliveries: it is then resting, and settling a
   * delivery calls `resume`.
   */
  private handOver(): void {
    const active = this.active as Consumer
    active.resting = active.unacked > 0
    if (active.resting) return
    this.active = this.successor
    this.successor = undefined
  }

  resume(c: Consumer): void {
    c.resting = false
    if (this.successor !== undefined && c === this.active) this.handOver()
  }

  next(): Consumer | undefined {
    const c = this.active
    if (c === undefined || this.successor !== undefined) return undefined
    if (c.hasCredit()) return c
    c.resting = true
    return undefined
  }

  peek(): Consumer | undefined {
    return this.next()
  }
}
