/** Keeps the last lines of the log for requests to the broker, independent of the log's destination. */
import { LOG_LINES_BYTES_MAX, LOG_LINES_MAX } from '../limits.ts'

export class LastLines {
  private lines: string[] = []
  private bytes = 0
  /** Number of lines written since the start, including those no longer kept. */
  written = 0

  /** Writes one line including its line break, as pino does. */
  write(line: string): void {
    this.lines.push(line.trimEnd())
    this.bytes += line.length
    this.written++
    while (this.lines.length > LOG_LINES_MAX || (this.bytes > LOG_LINES_BYTES_MAX && this.lines.length > 1))
      this.bytes -= (this.lines.shift() as string).length + 1
  }

  /** Oldest first. */
  last(count: number): readonly string[] {
    return this.lines.slice(Math.max(0, this.lines.length - count))
  }
}
