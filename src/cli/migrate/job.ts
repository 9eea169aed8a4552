/** One queue on its way. */
import type { QueueRow, ShovelRow } from './rows.ts'

export interface View {
  /** Shovels of the move by their names. */
  readonly shovels: ReadonlyMap<string, ShovelRow>
  /** When the Leveret began, in ms since 1970, give or take a second. */
  readonly leveretSince: number
  /** ms, growing. */
  readonly at: number
}

export type JobState = 'moving' | 'done' | 'failed'

export interface Job {
  readonly queue: QueueRow
  /** Messages that have been moved, and all that are known of. */
  readonly moved: number
  readonly total: number
  /** One look, and what follows from it. @throws CtlError */
  step(view: View): Promise<JobState>
  /** Why it has failed, or what is to be said of it. */
  readonly note: string | undefined
  /** What it waits for. */
  readonly waits: string | undefined
  /** Ends its shovel; another run goes on. */
  stop(): Promise<void>
}

const ATTEMPTS = 3
const lasting =
  /ACCESS_REFUSED|NOT_FOUND|PRECONDITION_FAILED|RESOURCE_LOCKED|NOT_ALLOWED|NOT_IMPLEMENTED|no queue of the destination/

/** Shovels that fail for a reason that does not pass by itself. */
export class Failures {
  private seen = ''
  private count = 0

  /** The reason, when it has come up often enough. */
  of({ state, reason = '', timestamp }: ShovelRow): string | undefined {
    if (state !== 'terminated') return undefined
    if (timestamp !== this.seen) {
      this.seen = timestamp
      this.count = lasting.test(reason) ? this.count + 1 : 0
    }
    return this.count >= ATTEMPTS ? reason : undefined
  }
}
