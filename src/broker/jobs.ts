/**
 * Work that may be long, in steps: of each job so many in a turn, and of all together so many ms, so that everybody else
 * has their turn in between. A job that is short is done before `begin` returns.
 */
import { JOB_STEPS_PER_TURN, TURN_MS } from '../limits.ts'
import type { Clock } from '../util/clock.ts'
import { charge, charged, type Owner } from '../util/owner.ts'

/** Yields after each step, which is some 100 us of work at most. */
export type Steps<T = void> = Generator<undefined, T>

interface Job {
  readonly owner: Owner
  /** False where there is more to do. @throws what the step throws: the job is over then */
  step(): boolean
}

export class Jobs {
  private readonly clock: Clock
  /** Sees to it that `run` is called in the next turn. */
  private readonly schedule: () => void
  private jobs: Job[] = []
  /** ms spent in this turn. */
  private spent = 0
  private idle: (() => void)[] = []

  constructor(clock: Clock, schedule: () => void) {
    this.clock = clock
    this.schedule = schedule
  }

  /** Jobs that are not done. */
  get size(): number {
    return this.jobs.length
  }

  /**
   * @param owner is charged with what a step throws; `done` is not called then
   * @param done with what the steps come to, perhaps before this returns
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

  /** The same, for whoever awaits it. Rejects with what a step throws. */
  finished<T>(steps: Steps<T>): Promise<T> {
    return new Promise((resolve, reject) => this.begin(steps, { failed: reject }, resolve))
  }

  /** A share of each, while there is time in this turn. */
  run(): void {
    this.spent = 0
    if (this.jobs.length === 0) return
    const jobs = this.jobs
    this.jobs = []
    let next = 0
    while (next < jobs.length && (next === 0 || this.spent < TURN_MS)) {
      const job = jobs[next++] as Job
      if (!this.share(job)) this.jobs.push(job)
    }
    // Those that have had no share come first in the next turn.
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

/** The same with each item, so many of them in a step. */
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

/** All of it now, where there are no others to have their turn. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}
