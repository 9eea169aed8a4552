/**
 * Runs long work in steps. Each turn of the event loop runs a limited number of steps per job, and a limited time for
 * all jobs together, so that clients are served in between. A short job is done before `begin` returns.
 */
import {
  DUE_PER_STEP,
  JOB_PAUSE_MS,
  JOB_STEPS_PER_TURN,
  JOB_WAIT_MS,
  JOBS_MS_PER_TURN,
  STEP_MS,
} from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { charge, charged, type Owner } from '../util/owner.ts'

/** Yielded by a job that cannot continue yet. */
export const WAIT = 'wait'

/** A job: yields after each step, which takes 100 us at most. */
export type Steps<T = void> = Generator<typeof WAIT | undefined, T>

/** Waits until a promise is settled, and returns its result. @throws the reason with which the promise is rejected */
export function* awaited<T>(promise: Promise<T>): Steps<T> {
  let settled: { readonly value: T } | { readonly error: unknown } | undefined
  promise.then(
    (value) => {
      settled = { value }
    },
    (error: unknown) => {
      settled = { error }
    },
  )
  while (settled === undefined) yield WAIT
  // TypeScript does not see that the callbacks assign it.
  const outcome = settled as { readonly value: T } | { readonly error: unknown }
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

/** Waits while the condition holds. */
export function* whileHolds(condition: () => boolean): Steps {
  while (condition()) yield WAIT
}

interface Job {
  readonly owner: Owner
  /** @throws an error of the step, which ends the job */
  step(): 'done' | 'more' | typeof WAIT
}

export class Jobs {
  private readonly clock: Clock
  /** Schedules `run` for the next turn. */
  private readonly schedule: () => void
  private jobs: Job[] = []
  /** Jobs that cannot continue yet. */
  private resting: Job[] = []
  private pausing: Timer | undefined
  /** Time spent on jobs in this turn, in ms. */
  private spent = 0
  private idle: (() => void)[] = []
  /** Actions deferred by `soon`. */
  private due: { readonly owner: Owner; readonly action: () => void }[] = []
  private doesDue = false
  /** Whether `soon` is executing an action. */
  private within = false
  /**
   * Whether jobs must pause until the disk has caught up: their changes are written as one batch, which is built in one
   * turn.
   */
  mustPause = (): boolean => false

  constructor(clock: Clock, schedule: () => void) {
    this.clock = clock
    this.schedule = schedule
  }

  /** Whether jobs can run now, not only after a pause. */
  get areDue(): boolean {
    return this.jobs.length > 0 && this.pausing === undefined
  }

  /** Number of unfinished jobs, including those that cannot continue yet. */
  get size(): number {
    return this.jobs.length + this.resting.length
  }

  /**
   * Starts a job.
   * @param owner is charged with errors of a step; `done` is not called then
   * @param done called with the result, possibly before `begin` returns
   */
  begin<T>(steps: Steps<T>, owner: Owner, done: (result: T) => void = () => {}): void {
    const job = this.jobOf(steps, owner, done)
    if (!this.share(job)) this.add(job)
  }

  private add(job: Job): void {
    this.jobs.push(job)
    this.schedule()
  }

  private jobOf<T>(steps: Steps<T>, owner: Owner, done: (result: T) => void): Job {
    const step = (): ReturnType<Job['step']> => {
      const { done: over, value } = steps.next()
      if (over !== true) return value ?? 'more'
      charged(owner, () => done(value))
      return 'done'
    }
    return { owner, step }
  }

  /**
   * Executes a short action now or, if the time of this turn is used up, in a job: a hundred thousand timers may fire
   * in one turn.
   */
  soon(owner: Owner, action: () => void): void {
    if (!this.doesDue && !this.within && this.spent < JOBS_MS_PER_TURN) {
      const began = this.clock.elapsed()
      this.within = true
      try {
        charged(owner, action)
      } finally {
        this.within = false
        this.spent += this.clock.elapsed() - began
      }
      return
    }
    this.due.push({ owner, action })
    if (this.doesDue) return
    this.doesDue = true
    this.add(this.jobOf(this.doing(), owner, () => {}))
  }

  private *doing(): Steps {
    try {
      while (this.due.length > 0) {
        const due = this.due
        this.due = []
        yield* inSteps(due, DUE_PER_STEP, ({ owner, action }) => charged(owner, action))
        // The actions just executed may have added new ones.
        if (this.due.length > 0) yield
      }
    } finally {
      this.doesDue = false
    }
  }

  /** As `begin`, but returns a promise. Rejects with the error of a step. */
  finished<T>(steps: Steps<T>): Promise<T> {
    return new Promise((resolve, reject) => this.begin(steps, { failed: reject }, resolve))
  }

  /**
   * Runs a share of each job, as long as the turn has time left.
   * @param isNew whether a new turn begins, so that its time starts from 0
   */
  run(isNew = true): void {
    if (isNew) this.spent = 0
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
    while (next < jobs.length && (next === 0 || this.spent < JOBS_MS_PER_TURN)) {
      const job = jobs[next++] as Job
      if (!this.share(job)) this.jobs.push(job)
    }
    // Jobs that had no share in this turn come first in the next one.
    this.jobs = [...jobs.slice(next), ...this.jobs]
    if (this.jobs.length > 0) this.schedule()
    else if (this.resting.length === 0) for (const resolve of this.idle.splice(0)) resolve()
  }

  private rest(job: Job): void {
    this.resting.push(job)
    if (this.resting.length > 1) return
    this.clock.after(JOB_WAIT_MS, () => {
      this.jobs = this.jobs.concat(this.resting)
      this.resting = []
      this.schedule()
    })
  }

  /** Runs some steps of a job. Returns true if the job is done or waits. */
  private share(job: Job): boolean {
    const began = this.clock.elapsed()
    const before = this.spent
    try {
      for (let i = 0; i < JOB_STEPS_PER_TURN; i++) {
        const what = job.step()
        if (what === WAIT) this.rest(job)
        if (what !== 'more') return true
        this.spent = before + this.clock.elapsed() - began
        if (this.spent >= JOBS_MS_PER_TURN) return false
      }
      return false
    } catch (error) {
      charge(job.owner, error)
      return true
    }
  }

  /** Resolves when all jobs are done. */
  async settled(): Promise<void> {
    if (this.size > 0) await new Promise<void>((resolve) => this.idle.push(resolve))
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

/**
 * Yields the current values of a map without copying them, which each of many jobs would do. Values that are removed
 * before their turn are skipped; values that are added meanwhile come after the current ones, so counting excludes
 * them.
 */
export function* ofNow<T>(map: ReadonlyMap<unknown, T>): Iterable<T> {
  let left = map.size
  for (const value of map.values()) {
    if (left-- === 0) return
    yield value
  }
}

/**
 * As `inSteps`, for actions that may take thousands of times longer than usual: a step ends early after such an action.
 * @param action returns false when there is nothing left to do
 */
export function* inShortSteps(clock: Clock, perStep: number, action: () => boolean): Steps {
  for (;;) {
    const end = clock.elapsed() + STEP_MS
    let left = perStep
    do {
      if (!action()) return
    } while (--left > 0 && clock.elapsed() <= end)
    yield
  }
}

/** Runs all steps now; for startup, when there are no clients to serve. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}
