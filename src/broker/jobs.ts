/**
 * Runs long work in steps. Each turn of the event loop runs a limited number of steps per job, and a limited time for
 * all jobs together, so that clients are served in between. A short job is done before `begin` returns.
 */
import { JOB_PAUSE_MS, JOB_STEPS_PER_TURN, TURN_MS } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { charge, charged, type Owner } from '../util/owner.ts'

/** Yields after each step, which takes 100 us at most. */
export type Steps<T = void> = Generator<undefined, T>

interface Job {
  readonly owner: Owner
  /** False if there is more to do. @throws what the step throws, which ends the job */
  step(): boolean
}

export class Jobs {
  private readonly clock: Clock
  /** Schedules `run` for the next turn. */
  private readonly schedule: () => void
  private jobs: Job[] = []
  private pausing: Timer | undefined
  /** ms spent in this turn. */
  private spent = 0
  private idle: (() => void)[] = []
  /**
   * Whether what jobs have changed waits for the disk to take so much of it that they must pause: it is written as one
   * batch, which is built in one turn.
   */
  mustPause = (): boolean => false

  constructor(clock: Clock, schedule: () => void) {
    this.clock = clock
    this.schedule = schedule
  }

  /** There is something to do, and not only after a pause. */
  get areDue(): boolean {
    return this.jobs.length > 0 && this.pausing === undefined
  }

  /** Unfinished jobs. */
  get size(): number {
    return this.jobs.length
  }

  /**
   * @param owner is charged with what a step throws; then `done` is not called
   * @param done called with the result, possibly before this returns
   */
  begin<T>(steps: Steps<T>, owner: Owner, done: (result: T) => void = () => {}): void {
    const step = (): boolean => {
      const { done: over, value } = steps.next()
      if (over !== true) return false
      charged(owner, () => done(value))
      return true
    }
    const job = { owner, step }
    if (this.share(job)) return
    this.jobs.push(job)
    this.schedule()
  }

  /** As `begin`, with a promise. Rejects with what a step throws. */
  finished<T>(steps: Steps<T>): Promise<T> {
    return new Promise((resolve, reject) => this.begin(steps, { failed: reject }, resolve))
  }

  /** Gives each job a share, while the time of this turn lasts. */
  run(): void {
    this.spent = 0
    if (this.jobs.length === 0) return
    if (this.mustPause()) {
      this.pausing ??= this.clock.after(JOB_PAUSE_MS, () => {
        this.pausing = undefined
        this.schedule()
      })
      return
    }
    this.pausing?.cancel()
    this.pausing = undefined
    const jobs = this.jobs
    this.jobs = []
    let next = 0
    while (next < jobs.length && (next === 0 || this.spent < TURN_MS)) {
      const job = jobs[next++] as Job
      if (!this.share(job)) this.jobs.push(job)
    }
    // Jobs without a share in this turn come first in the next.
    this.jobs = [...jobs.slice(next), ...this.jobs]
    if (this.jobs.length > 0) this.schedule()
    else for (const resolve of this.idle.splice(0)) resolve()
  }

  /** True where it is done. */
  private share(job: Job): boolean {
    const began = this.clock.elapsed()
    const before = this.spent
    try {
      for (let i = 0; i < JOB_STEPS_PER_TURN; i++) {
        if (job.step()) return true
        this.spent = before + this.clock.elapsed() - began
        if (this.spent >= TURN_MS) return false
      }
      return false
    } catch (error) {
      charge(job.owner, error)
      return true
    }
  }

  /** Resolves when all are done. */
  async settled(): Promise<void> {
    if (this.jobs.length > 0) await new Promise<void>((resolve) => this.idle.push(resolve))
  }
}

/** Applies an action to each item, a number of items per step. */
export function* inSteps<T>(items: Iterable<T>, perStep: number, action: (item: T) => void): Steps {
  let left = perStep
  for (const item of items) {
    if (left-- === 0) {
      left = perStep
      yield
    }
    action(item)
  }
}

/** Runs all steps now; for a start, when nobody waits. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}
