/** The migration of one queue. */
import type { QueueRow, ShovelRow } from './rows.ts'

export interface View {
  /** Shovels of the migration by name. */
  readonly shovels: ReadonlyMap<string, ShovelRow>
  /** Start time of the Leveret in ms since 1970, accurate to about a second. */
  readonly leveretSince: number
  /** Monotonic time in ms. */
  readonly at: number
}

export type JobState = 'moving' | 'done' | 'failed'

export interface Job {
  readonly queue: QueueRow
  /** The number of moved messages, and the total known so far. */
  readonly moved: number
  readonly total: number
  /** Checks the state and takes the next action. @throws CtlError */
  step(view: View): Promise<JobState>
  /** The reason for a failure, or a remark. */
  readonly note: string | undefined
  /** The event that the job waits for; undefined if none. */
  readonly waits: string | undefined
  /** Ends the job's shovel; a later run can continue. */
  stop(): Promise<void>
}

const ATTEMPTS = 3
const lasting =
  /ACCESS_REFUSED|NOT_FOUND|PRECONDITION_FAILED|RESOURCE_LOCKED|NOT_ALLOWED|NOT_IMPLEMENTED|no queue of the destination/
const missing = /NOT_FOUND|no queue of the destination/

/** Detects shovels that fail for a permanent reason. */
export class Failures {
  private seen = ''
  private count = 0

  /**
   * Returns the reason for a failure, once it has occurred repeatedly.
   * @param mend is called when the target of the messages is missing
   */
  async of(shovel: ShovelRow, mend?: () => Promise<void>): Promise<string | undefined> {
    const { state, reason = '', timestamp } = shovel
    if (state !== 'terminated') return undefined
    if (timestamp !== this.seen) {
      this.seen = timestamp
      this.count = lasting.test(reason) ? this.count + 1 : 0
      if (missing.test(reason) && this.count < ATTEMPTS) await mend?.()
    }
    return this.count >= ATTEMPTS ? reason : undefined
  }
}
