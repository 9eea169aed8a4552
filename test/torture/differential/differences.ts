/** Knows the rows of known-differences.ts that go for a release of RabbitMQ, and how often each was needed. */
import { isOlder } from '../../../src/util/version.ts'
import { type Row, table } from './known-differences.ts'
import type { Allowed } from './pair.ts'
import type { Step } from './step.ts'

/** RabbitMQ's count comes now and then. */
const countsStream = /^@s: ready=/

export class Differences {
  readonly used = new Map<Row, number>()
  private readonly rows: readonly Row[]

  constructor(version: readonly number[]) {
    const older = (than: readonly number[]): boolean => isOlder([...version], [...than])
    this.rows = table.filter(
      ({ before, since }) => (before === undefined || older(before)) && !(since && older(since)),
    )
  }

  get unused(): readonly Row[] {
    return this.rows.filter((r) => !this.used.has(r))
  }

  readonly allow = (step: Step, leveret: readonly string[], rabbit: readonly string[]): Allowed => {
    if (leveret.length === rabbit.length) {
      const needed = new Set<Row>()
      if (leveret.every((line, i) => this.even(line, rabbit[i] as string, step, needed))) {
        for (const row of needed) this.used.set(row, (this.used.get(row) ?? 0) + 1)
        return needed.size === 0 ? 'equal' : 'goes on'
      }
    }
    const only = (a: readonly string[], b: readonly string[]): string[] =>
      a.filter((l) => !b.includes(l) && !countsStream.test(l))
    const whole = { leveret, rabbit }
    const seen = { step, leveret: only(leveret, rabbit), rabbit: only(rabbit, leveret), whole }
    const row = this.rows.find((r) => r.ends?.(seen) === true)
    if (row === undefined) return 'differs'
    this.used.set(row, (this.used.get(row) ?? 0) + 1)
    return 'ends'
  }

  /** Whether the lines are equal once every row has made them so, as far as it goes. */
  private even(mine: string, theirs: string, step: Step, needed: Set<Row>): boolean {
    let [a, b] = [mine, theirs]
    const tried: Row[] = []
    for (const row of this.rows) {
      if (a === b) break
      const [c, d] = row.even?.(a, b, step) ?? [a, b]
      if (c !== a || d !== b) tried.push(row)
      ;[a, b] = [c, d]
    }
    if (a !== b) return false
    for (const row of tried) needed.add(row)
    return true
  }
}
