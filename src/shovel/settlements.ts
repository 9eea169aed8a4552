/** Acknowledges at the source what the destination has confirmed, in as few frames as the order of confirms allows. */
import { soon } from '../util/timers.ts'

export class Settlements {
  /** Delivery tags that await a confirm, or that of an earlier one, in order. */
  private readonly open = new Set<number>()
  /** Those of them that are confirmed. */
  private readonly confirmed = new Set<number>()
  private last = 0
  private scheduled = false
  /** Deliveries that the source counts as unacknowledged. */
  unacknowledged = 0
  private readonly acknowledge: (tag: number) => void

  /** @param acknowledge acknowledges all deliveries up to that tag */
  constructor(acknowledge: (tag: number) => void) {
    this.acknowledge = acknowledge
  }

  get waiting(): number {
    return this.open.size
  }

  /** @throws Error if the tag is not that of a new delivery: to acknowledge it could acknowledge others too early */
  sent(tag: number): void {
    if (!(tag > this.last)) throw new Error(`the source delivers message ${tag} after ${this.last}`)
    this.last = tag
    this.open.add(tag)
    this.unacknowledged++
  }

  /**
   * @param taken false if the message has been rejected back to the source, which may deliver it again and again while an
   *   earlier one is open
   */
  settled(tag: number, taken: boolean): void {
    if (taken) this.confirmed.add(tag)
    else {
      this.open.delete(tag)
      this.unacknowledged--
    }
    if (this.scheduled) return
    this.scheduled = true
    soon(() => this.flush())
  }

  /** Acknowledges the settled deliveries up to the first gap. */
  flush(): void {
    this.scheduled = false
    let last: number | undefined
    for (const tag of this.open) {
      if (!this.confirmed.delete(tag)) break
      this.open.delete(tag)
      last = tag
      this.unacknowledged--
    }
    if (last !== undefined) this.acknowledge(last)
  }
}
