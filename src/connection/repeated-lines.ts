/**
 * Lines of the log that anybody who reaches the port can bring about: of each kind so many in a minute, and how many were
 * left out with the first one of a later minute.
 */
import { DOOR_LINES_PER_MINUTE } from '../limits.ts'

const MINUTE_MS = 60_000

interface Logger {
  warn(fields: object, text: string): void
}

interface Kind {
  minute: number
  lines: number
  leftOut: number
}

export class RepeatedLines {
  private readonly kinds = new Map<string, Kind>()
  private readonly logger: Logger
  private readonly now: () => number

  constructor(logger: Logger, now: () => number) {
    this.logger = logger
    this.now = now
  }

  /** @param text one of a few */
  warn(fields: object, text: string): void {
    const minute = Math.floor(this.now() / MINUTE_MS)
    let kind = this.kinds.get(text)
    if (kind === undefined) {
      kind = { minute, lines: 0, leftOut: 0 }
      this.kinds.set(text, kind)
    }
    if (kind.minute !== minute) {
      if (kind.leftOut > 0) this.logger.warn({ leftOut: kind.leftOut }, `${text}: lines left out`)
      kind.minute = minute
      kind.lines = kind.leftOut = 0
    }
    if (kind.lines++ < DOOR_LINES_PER_MINUTE) this.logger.warn(fields, text)
    else kind.leftOut++
  }
}
