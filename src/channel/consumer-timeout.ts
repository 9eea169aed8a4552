/**
 * x-consumer-timeout: deliveries that stay unsettled for too long are requeued one by one; the channel and its other
 * deliveries go on. Only for consumers with a timeout. One timer serves the oldest delivery.
 */
import { TIMED_PER_PIECE } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'

const LENGTH_MIN = 4096

export class ConsumerTimeout {
  /** In ms, for new deliveries. */
  ms: number
  private readonly clock: Clock
  private readonly isOutstanding: (tag: number) => boolean
  private readonly expire: (tag: number) => void
  private readonly soon: (action: () => void) => void
  /** Deliveries in order, with their deadlines (ms of `elapsed`). */
  private tags: number[] = []
  private deadlines: number[] = []
  private head = 0
  /** Length of the lists above which settled deliveries are removed from their middle. */
  private lengthMax = LENGTH_MIN
  private timer: Timer | undefined

  /**
   * @param expire called with the tag of a delivery that timed out
   * @param soon does a piece of work now, or when others have had their turn
   */
  constructor(
    ms: number,
    clock: Clock,
    isOutstanding: (tag: number) => boolean,
    expire: (tag: number) => void,
    soon: (action: () => void) => void = (action) => action(),
  ) {
    this.soon = soon
    this.ms = ms
    this.clock = clock
    this.isOutstanding = isOutstanding
    this.expire = expire
  }

  delivered(tag: number): void {
    this.tags.push(tag)
    this.deadlines.push(this.clock.elapsed() + this.ms)
    this.skipSettled()
    this.arm()
  }

  /** Keeps the length of the list proportional to the outstanding deliveries. */
  private skipSettled(): void {
    while (this.head < this.tags.length && !this.isOutstanding(this.tags[this.head] as number)) this.head++
    if (this.tags.length >= this.lengthMax) this.takeOutSettled()
    if (this.head < 1024 || this.head * 2 < this.tags.length) return
    this.tags = this.tags.slice(this.head)
    this.deadlines = this.deadlines.slice(this.head)
    this.head = 0
  }

  private takeOutSettled(): void {
    const open = this.tags.map((tag, i) => i >= this.head && this.isOutstanding(tag))
    this.tags = this.tags.filter((_, i) => open[i])
    this.deadlines = this.deadlines.filter((_, i) => open[i])
    this.head = 0
    this.lengthMax = Math.max(LENGTH_MIN, this.tags.length * 2)
  }

  private arm(): void {
    if (this.timer !== undefined || this.head === this.tags.length) return
    const wait = Math.max(0, (this.deadlines[this.head] as number) - this.clock.elapsed())
    this.timer = this.clock.after(wait, () => {
      this.timer = undefined
      this.soon(() => this.check())
    })
  }

  /** Some of those whose time is over. */
  private check(): void {
    const now = this.clock.elapsed()
    let left = TIMED_PER_PIECE
    for (; this.head < this.tags.length && (this.deadlines[this.head] as number) <= now; this.head++) {
      if (left-- === 0) {
        this.soon(() => this.check())
        return
      }
      const tag = this.tags[this.head] as number
      if (this.isOutstanding(tag)) this.expire(tag)
    }
    this.skipSettled()
    this.arm()
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.tags = []
    this.deadlines = []
    this.head = 0
  }
}
