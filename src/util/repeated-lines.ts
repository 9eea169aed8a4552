/**
 * Limits log entries that anyone who can reach the port can cause: each kind is logged a limited number of times per
 * minute, and the first entry of a later minute says how many were suppressed.
 */
import { DOOR_LINES_PER_MINUTE } from '../limits.ts'
import type { Logger } from './logger.ts'

const MINUTE_MS = 60_000

type Lines = Pick<Logger, 'info' | 'warn'>

interface Kind {
  minute: number
  lines: number
  leftOut: number
}

export class RepeatedLines {
  private readonly kinds = new Map<string, Kind>()
  private readonly logger: Lines
  private readonly now: () => number

  constructor(logger: Lines, now: () => number) {
    this.logger = logger
    this.now = now
  }

  /** @param what the kind of entry, one of a small set; defaults to the text, for texts that never vary */
  warn(fields: object, text: string, what = text): void {
    this.line('warn', fields, text, what)
  }

  /** For texts that never vary. */
  info(fields: object, text: string): void {
    this.line('info', fields, text, text)
  }

  private line(level: keyof Lines, fields: object, text: string, what: string): void {
    const minute = Math.floor(this.now() / MINUTE_MS)
    let kind = this.kinds.get(what)
    if (kind === undefined) {
      kind = { minute, lines: 0, leftOut: 0 }
      this.kinds.set(what, kind)
    }
    if (kind.minute !== minute) {
      if (kind.leftOut > 0) this.logger[level]({ leftOut: kind.leftOut }, `${what}: lines suppressed`)
      kind.minute = minute
      kind.lines = kind.leftOut = 0
    }
    if (kind.lines++ < DOOR_LINES_PER_MINUTE) this.logger[level](fields, text)
    else kind.leftOut++
  }
}
