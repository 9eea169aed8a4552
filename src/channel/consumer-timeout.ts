/**
 * x-consumer-timeout: deliveries that stay unsettled for too long are requeued one by one; the channel and its other
 * deliveries go on. Only for consumers with a timeout. One timer serves the oldest delivery.
 */
import { TIMED_PER_PIECE } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'

/** Deliveries of one run, at first and at most. */
const RUN_MIN = 16
const RUN_MAX = 1024
/** Room of an empty run that is kept for the next delivery. */
const SPARE_MAX = 64
/** Settled ones that are left behind with each delivery, at most. */
const SKIPPED_MAX = 16

/** Some deliveries in order. A list of all would have to be copied in one piece, and there may be millions. */
class Run {
  tags = new Float64Array(RUN_MIN)
  /** ms of `elapsed`. */
  deadlines = new Float64Array(RUN_MIN)
  /** Those in front of it are done. */
  head = 0
  end = 0

  get isFull(): boolean {
    return this.end === RUN_MAX
  }

  get size(): number {
    return this.end - this.head
  }

  get tag(): number {
    return this.tags[this.head] as number
  }

  get deadline(): number {
    return this.deadlines[this.head] as number
  }

  add(tag: number, deadline: number): void {
    if (this.end === this.tags.length) this.resize(this.end * 2)
    this.tags[this.end] = tag
    this.deadlines[this.end++] = deadline
  }

  /** True where it can be used again. */
  clear(): boolean {
    this.head = this.end = 0
    return this.tags.length <= SPARE_MAX
  }

  /** Only those stay for which it holds. */
  keep(holds: (tag: number) => boolean): void {
    let kept = 0
    for (let i = this.head; i < this.end; i++) {
      const tag = this.tags[i] as number
      if (!holds(tag)) continue
      this.tags[kept] = tag
      this.deadlines[kept++] = this.deadlines[i] as number
    }
    this.head = 0
    this.end = kept
    this.resize(Math.max(RUN_MIN, kept))
  }

  private resize(length: number): void {
    const { tags, deadlines, end } = this
    this.tags = new Float64Array(length)
    this.deadlines = new Float64Array(length)
    this.tags.set(tags.subarray(0, end))
    this.deadlines.set(deadlines.subarray(0, end))
  }
}

export class ConsumerTimeout {
  /** In ms, for new deliveries. */
  ms: number
  private readonly clock: Clock
  private readonly isOutstanding: (tag: number) => boolean
  private readonly expire: (tag: number) => void
  private readonly soon: (action: () => void) => void
  /** Without empty ones. */
  private runs: Run[] = []
  /** The run that is looked through next for deliveries that are settled. */
  private sweepAt = 0
  private spare: Run | undefined
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

  /** Those that are listed, outstanding or not. */
  get size(): number {
    return this.runs.reduce((n, run) => n + run.size, 0)
  }

  delivered(tag: number): void {
    this.skipSettled()
    let last = this.runs.at(-1)
    if (last === undefined || last.isFull) {
      // Two for each that is added, so that the list stays as long as the outstanding deliveries are many.
      this.sweep()
      this.sweep()
      last = this.spare ?? new Run()
      this.spare = undefined
      this.runs.push(last)
    }
    last.add(tag, this.clock.elapsed() + this.ms)
    this.arm()
  }

  private skipSettled(): void {
    for (let left = SKIPPED_MAX; left > 0 && this.runs.length > 0; left--) {
      if (this.isOutstanding((this.runs[0] as Run).tag)) return
      this.leaveFirst()
    }
  }

  private leaveFirst(): void {
    const run = this.runs[0] as Run
    if (++run.head < run.end) return
    this.runs.shift()
    if (run.clear()) this.spare = run
    if (this.sweepAt > 0) this.sweepAt--
  }

  /** Takes settled ones out of one run, and joins it with the one before if both are short. */
  private sweep(): void {
    if (this.sweepAt >= this.runs.length) this.sweepAt = 0
    const run = this.runs[this.sweepAt]
    if (run === undefined) return
    run.keep(this.isOutstanding)
    const before = this.runs[this.sweepAt - 1]
    const joins = before !== undefined && before.end + run.size <= RUN_MAX
    if (joins) for (; run.size > 0; run.head++) before.add(run.tag, run.deadline)
    if (run.size === 0) this.runs.splice(this.sweepAt, 1)
    else this.sweepAt++
  }

  private arm(): void {
    const first = this.runs[0]
    if (this.timer !== undefined || first === undefined) return
    this.timer = this.clock.after(Math.max(0, first.deadline - this.clock.elapsed()), () => {
      this.timer = undefined
      this.soon(() => this.check())
    })
  }

  /** Some of those whose time is over. */
  private check(): void {
    const now = this.clock.elapsed()
    for (let left = TIMED_PER_PIECE; this.runs.length > 0; left--) {
      const { tag, deadline } = this.runs[0] as Run
      if (deadline > now) break
      if (left === 0) {
        this.soon(() => this.check())
        return
      }
      this.leaveFirst()
      if (this.isOutstanding(tag)) this.expire(tag)
    }
    this.skipSettled()
    this.arm()
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.runs = []
  }
}
