/** Shows the progress of a migration: a bar on a terminal, otherwise a line at intervals. */
import { shownOn } from '../ctl/shown.ts'

const WIDTH = 30
const WINDOW_MS = 10_000
const LINE_MS = 10_000

const number = (n: number): string => Math.round(n).toLocaleString('en-US')

export function duration(ms: number): string {
  const s = Math.ceil(ms / 1000)
  const two = (n: number): string => String(n).padStart(2, '0')
  return s < 3600
    ? `${Math.floor(s / 60)}:${two(s % 60)}`
    : `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`
}

export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export class Progress {
  private readonly out: Output
  private samples: { at: number; moved: number }[] = []
  private lineAt: number
  private isOpen = false

  /** @param at monotonic time in ms */
  constructor(out: Output, at: number) {
    this.out = out
    this.lineAt = at
  }

  /** @param waits what the migration is waiting for */
  show(at: number, moved: number, total: number, waits: string | undefined): void {
    this.samples = [...this.samples.filter((s) => at - s.at < WINDOW_MS), { at, moved }]
    const line = shownOn(this.out, this.line(at, moved, total, waits).replaceAll('\n', ' '))
    if (this.out.isTTY === true) {
      this.out.write(`\r\x1b[K${line.slice(0, (this.out.columns ?? 80) - 1)}`)
      this.isOpen = true
    } else if (at - this.lineAt >= LINE_MS) {
      this.lineAt = at
      this.out.write(`${line}\n`)
    }
  }

  private line(at: number, moved: number, total: number, waits: string | undefined): string {
    const share = total === 0 ? 1 : Math.min(1, moved / total)
    const full = Math.floor(share * WIDTH)
    const [first] = this.samples
    const ms = first === undefined ? 0 : at - first.at
    const rate = ms > 0 ? Math.max(0, ((moved - (first?.moved ?? 0)) * 1000) / ms) : 0
    const left = rate > 0 ? `, ${duration(((total - moved) * 1000) / rate)} left` : ''
    const bar = `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}]`
    const waiting = waits === undefined ? '' : `; waiting for ${waits}`
    return `${bar} ${Math.floor(share * 100)} % ${number(moved)} of ${number(total)}, ${number(rate)}/s${left}${waiting}`
  }

  /** Clears the bar, so that further output starts on a line of its own. */
  end(): void {
    if (this.isOpen) this.out.write('\r\x1b[K')
    this.isOpen = false
  }
}
