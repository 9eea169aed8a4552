/**
 * x-consumer-timeout: requeues deliveries that stay unsettled for too long, one by one; the channel and its other
 * deliveries are not affected. Only used for consumers with a timeout. One timer serves the oldest delivery.
 */
import { JOB_WAIT_MS, TIMED_PER_PIECE } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'

/** Initial and maximum number of deliveries in a run. */
const RUN_MIN = 16
const RUN_MAX = 1024
/** Maximum capacity of an empty run that is kept for reuse. */
const SPARE_MAX = 64
/** Maximum number of settled deliveries skipped with each new delivery. */
const SKIPPED_MAX = 16

/** A run of consecutive deliveries. A single list, possibly of millions, would have to be copied in one piece. */
class Run {
  tags = new Float64Array(RUN_MIN)
  /** In ms as returned by `elapsed`. */
  deadlines = new Float64Array(RUN_MIN)
  /** Entries before this index are done. */
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

  /** Empties the run. Returns true if it may be kept for reuse. */
  clear(): boolean {
    this.head = this.end = 0
    return this.tags.length <= SPARE_MAX
  }

  /** Keeps only the deliveries for which `holds` returns true. */
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
  /** Timeout of new deliveries, in ms. */
  ms: number
  private readonly clock: Clock
  private readonly isOutstanding: (tag: number) => boolean
  private readonly expire: (tag: number) => void
  private readonly soon: (action: () => void) => void
  private readonly mustWait: () => boolean
  /** Contains no empty runs. */
  private runs: Run[] = []
  /** Index of the run that `sweep` examines next. */
  private sweepAt = 0
  private spare: Run | undefined
  private timer: Timer | undefined

  /**
   * @param expire called with the tag of a delivery that timed out
   * @param soon executes a short action now, or later if the time of the turn is used up
   * @param mustWait whether none may expire for now
   */
  constructor(
    ms: number,
    clock: Clock,
    isOutstanding: (tag: number) => boolean,
    expire: (tag: number) => void,
    soon: (action: () => void) => void = (action) => action(),
    mustWait: () => boolean = () => false,
  ) {
    this.soon = soon
    this.mustWait = mustWait
    this.ms = ms
    this.clock = clock
    this.isOutstanding = isOutstanding
    this.expire = expire
  }

  /** Number of deliveries listed, whether outstanding or not. */
  get size(): number {
    return this.runs.reduce((n, run) => n + run.size, 0)
  }

  delivered(tag: number): void {
    this.skipSettled()
    let last = this.runs.at(-1)
    if (last === undefined || last.isFull) {
      // Two for each run that is added, so that the list stays in proportion to the outstanding deliveries.
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

  /** Removes the settled deliveries of one run, and joins it with the previous run if both are short. */
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
    this.checkAfter(Math.max(0, first.deadline - this.clock.elapsed()))
  }

  private checkAfter(ms: number): void {
    this.timer = this.clock.after(ms, () => {
      this.timer = undefined
      this.soon(() => this.check())
    })
  }

  /** Expires deliveries whose deadline has passed, a limited number at a time. */
  private check(): void {
    const now = this.clock.elapsed()
    for (let left = TIMED_PER_PIECE; this.runs.length > 0; left--) {
      const { tag, deadline } = this.runs[0] as Run
      if (deadline > now) break
      if (left === 0) {
        this.soon(() => this.check())
        return
      }
      const isOutstanding = this.isOutstanding(tag)
      if (isOutstanding && this.mustWait()) {
        if (this.timer === undefined) this.checkAfter(JOB_WAIT_MS)
        return
      }
      this.leaveFirst()
      if (isOutstanding) this.expire(tag)
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
