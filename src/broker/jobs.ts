/**
 * Runs long work in steps. Each turn of the event loop runs a limited number of steps per job, and a limited time for
 * all jobs together, so that clients are served in between. A short job is done before `begin` returns.
 */
import { DUE_PER_STEP, JOB_PAUSE_MS, JOB_STEPS_PER_TURN, JOB_WAIT_MS, STEP_MS, TURN_MS } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { charge, charged, type Owner } from '../util/owner.ts'

/** Yielded by a job that cannot go on yet. */
export const WAIT = 'wait'

/** Yields after each step, which takes 100 us at most. */
export type Steps<T = void> = Generator<typeof WAIT | undefined, T>

/** Waits for what is under way, and takes its result. @throws what it is rejected with */
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
  // The compiler does not see that the callbacks have set it.
  const outcome = settled as { readonly value: T } | { readonly error: unknown }
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

interface Job {
  readonly owner: Owner
  /** @throws what the step throws, which ends the job */
  step(): 'done' | 'more' | typeof WAIT
}

export class Jobs {
  private readonly clock: Clock
  /** Schedules `run` for the next turn. */
  private readonly schedule: () => void
  private jobs: Job[] = []
  /** Those that cannot go on yet. */
  private resting: Job[] = []
  private pausing: Timer | undefined
  /** ms spent in this turn. */
  private spent = 0
  private idle: (() => void)[] = []
  /** See `soon`. */
  private due: { readonly owner: Owner; readonly action: () => void }[] = []
  private doesDue = false
  /** Such a thing is being done. */
  private within = false
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

  /** Unfinished jobs, those that cannot go on yet among them. */
  get size(): number {
    return this.jobs.length + this.resting.length
  }

  /**
   * @param owner is charged with what a step throws; then `done` is not called
   * @param done called with the result, possibly before this returns
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
   * Does something small now or, where the time of this turn is used up, behind the others: a hundred thousand timers may
   * end in one turn.
   */
  soon(owner: Owner, action: () => void): void {
    if (!this.doesDue && !this.within && this.spent < TURN_MS) {
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
        // What has come meanwhile may have come from these.
        if (this.due.length > 0) yield
      }
    } finally {
      this.doesDue = false
    }
  }

  /** As `begin`, with a promise. Rejects with what a step throws. */
  finished<T>(steps: Steps<T>): Promise<T> {
    return new Promise((resolve, reject) => this.begin(steps, { failed: reject }, resolve))
  }

  /**
   * Gives each job a share, while the time of this turn lasts.
   * @param isNew the turn's time begins
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
    while (next < jobs.length && (next === 0 || this.spent < TURN_MS)) {
      const job = jobs[next++] as Job
      if (!this.share(job)) this.jobs.push(job)
    }
    // Jobs without a share in this turn come first in the next.
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

  /** True where it is done, or rests. */
  private share(job: Job): boolean {
    const began = this.clock.elapsed()
    const before = this.spent
    try {
      for (let i = 0; i < JOB_STEPS_PER_TURN; i++) {
        const what = job.step()
        if (what === WAIT) this.rest(job)
        if (what !== 'more') return true
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
 * The values that a map has now, without those that are removed before their turn: no copy of very many, of which each job
 * would have its own. As many as there are now are enough, for what is added meanwhile stands behind.
 */
export function* ofNow<T>(map: ReadonlyMap<unknown, T>): Iterable<T> {
  let left = map.size
  for (const value of map.values()) {
    if (left-- === 0) return
    yield value
  }
}

/**
 * As `inSteps`, for actions of which one may take as long as thousands of others: a step ends early where they take long.
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

/** Runs all steps now; for a start, when nobody waits. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}
