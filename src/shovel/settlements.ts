/** Acknowledges at the source what the destination has, in as few frames as the order of the answers allows. */
import { soon } from '../util/timers.ts'

export class Settlements {
  /** Delivery tags that wait for an answer, in their order. */
  private readonly open: number[] = []
  /** Whether it is to be acknowledged. */
  private readonly answered = new Map<number, boolean>()
  private scheduled = false
  private readonly acknowledge: (tag: number) => void

  /** @param acknowledge all up to that tag */
  constructor(acknowledge: (tag: number) => void) {
    this.acknowledge = acknowledge
  }

  get waiting(): number {
    return this.open.length
  }

  sent(tag: number): void {
    this.open.push(tag)
  }

  /** @param taken false where it has been given back to the source */
  settled(tag: number, taken: boolean): void {
    this.answered.set(tag, taken)
    if (this.scheduled) return
    this.scheduled = true
    soon(() => this.flush())
  }

  /** What has been answered without a gap. */
  flush(): void {
    this.scheduled = false
    let count = 0
    let last: number | undefined
    for (; count < this.open.length; count++) {
      const tag = this.open[count] as number
      const taken = this.answered.get(tag)
      if (taken === undefined) break
      this.answered.delete(tag)
      if (taken) last = tag
    }
    this.open.splice(0, count)
    if (last !== undefined) this.acknowledge(last)
  }
}
