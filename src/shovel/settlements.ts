/** Acknowledges at the source what the destination has confirmed, in as few frames as the order of confirms allows. */
import { soon } from '../util/timers.ts'

export class Settlements {
  /** Delivery tags that await a confirm, in order. */
  private readonly open: number[] = []
  /** Settled tags; true = to be acknowledged. */
  private readonly answered = new Map<number, boolean>()
  private scheduled = false
  /** Deliveries that the source counts as unacknowledged. */
  unacknowledged = 0
  private readonly acknowledge: (tag: number) => void

  /** @param acknowledge acknowledges all deliveries up to that tag */
  constructor(acknowledge: (tag: number) => void) {
    this.acknowledge = acknowledge
  }

  get waiting(): number {
    return this.open.length
  }

  sent(tag: number): void {
    this.open.push(tag)
    this.unacknowledged++
  }

  /** @param taken false if the message has been rejected back to the source */
  settled(tag: number, taken: boolean): void {
    this.answered.set(tag, taken)
    if (!taken) this.unacknowledged--
    if (this.scheduled) return
    this.scheduled = true
    soon(() => this.flush())
  }

  /** Acknowledges the settled deliveries up to the first gap. */
  flush(): void {
    this.scheduled = false
    let count = 0
    let last: number | undefined
    for (; count < this.open.length; count++) {
      const tag = this.open[count] as number
      const taken = this.answered.get(tag)
      if (taken === undefined) break
      this.answered.delete(tag)
      if (!taken) continue
      last = tag
      this.unacknowledged--
    }
    this.open.splice(0, count)
    if (last !== undefined) this.acknowledge(last)
  }
}
