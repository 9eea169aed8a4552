/**
 * Counts and logs unexpected failures by the kind of their owner. Each minute, the first failures are logged with their
 * stack and the remaining ones only counted, so that a repeated failure does not fill the disk.
 */
import { FAILURES_LOGGED_PER_MINUTE } from '../limits.ts'
import type { Clock } from '../util/clock.ts'
import type { Owner } from '../util/owner.ts'

export const ownerKinds = [
  'message',
  'queue',
  'exchange',
  'channel',
  'connection',
  'request',
  'object',
  'broker',
] as const
export type OwnerKind = (typeof ownerKinds)[number]

export type ReportFailure = (fields: object, message: string) => void

const MINUTE_MS = 60_000

export class Failures {
  /** Number of failures since the start. */
  readonly counts: Record<OwnerKind, number>
  private readonly clock: Clock
  private readonly report: ReportFailure
  private minute = 0
  private logged = 0
  private unlogged = 0

  constructor(clock: Clock, report: ReportFailure) {
    this.clock = clock
    this.report = report
    this.counts = Object.fromEntries(ownerKinds.map((k) => [k, 0])) as Record<OwnerKind, number>
  }

  /** @param whose fields that identify the owner in the log */
  note(
    kind: OwnerKind,
    whose: object,
    error: unknown,
    message = `internal error, charged to its ${kind}`,
  ): void {
    this.counts[kind]++
    const minute = Math.floor(this.clock.now() / MINUTE_MS)
    if (minute !== this.minute) {
      const { unlogged } = this
      this.minute = minute
      this.logged = this.unlogged = 0
      if (unlogged > 0) this.report({ failures: unlogged }, 'internal errors that were not logged one by one')
    }
    if (this.logged++ < FAILURES_LOGGED_PER_MINUTE) this.report({ ...whose, err: error }, message)
    else this.unlogged++
  }

  owner(kind: OwnerKind, whose: object): Owner {
    return { failed: (error) => this.note(kind, whose, error) }
  }
}

/** Failures that are thrown to the caller instead of logged. */
export function thrownFailures(clock: Clock): Failures {
  return new Failures(clock, (fields) => {
    throw (fields as { err?: unknown }).err
  })
}
