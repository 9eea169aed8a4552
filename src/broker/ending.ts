/** The end of a broker: how long its work waits for a slow disk, and which work is then left to the next start. */
import { ENDING_MS_MAX } from '../limits.ts'
import type { Clock } from '../util/clock.ts'
import type { Steps } from './jobs.ts'

export class Ending {
  private readonly clock: Pick<Clock, 'elapsed'>
  /** When it began, in ms of `elapsed`. */
  private since: number | undefined

  constructor(clock: Pick<Clock, 'elapsed'>) {
    this.clock = clock
  }

  /** The broker is about to be closed. */
  begin(): void {
    this.since ??= this.clock.elapsed()
  }

  get isBegun(): boolean {
    return this.since !== undefined
  }

  /** Whether the broker has waited long enough for a slow disk. */
  get isOverdue(): boolean {
    return this.since !== undefined && this.clock.elapsed() - this.since >= ENDING_MS_MAX
  }

  /**
   * Runs steps that the next start resumes: it has the rest of them where this broker would wait for too long.
   * @returns whether all steps are done
   */
  *untilOverdue(steps: Steps): Steps<boolean> {
    for (const step of steps) {
      if (this.isOverdue) return false
      yield step
    }
    return true
  }
}
