/** Splits long work on one response into slices, measured by the time they take. */
import { elapsed, nextTurn } from './timers.ts'

/** ms of work before other tasks get their turn. */
const PIECE_MS = 10

export class Pace {
  private since = elapsed()
  private readonly ms: number

  /** @param ms length of a slice */
  constructor(ms = PIECE_MS) {
    this.ms = ms
  }

  /** Whether it is time to yield to other tasks. */
  get isLong(): boolean {
    return elapsed() - this.since >= this.ms
  }

  async rest(): Promise<void> {
    await nextTurn()
    this.since = elapsed()
  }
}

/** A stable sort that yields to other tasks: small slices are sorted first, then merged. */
export async function sortedSlowly<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  runLength = 2_000,
): Promise<T[]> {
  const pace = new Pace()
  let runs: T[][] = []
  for (let at = 0; at < items.length; at += runLength) {
    runs.push(items.slice(at, at + runLength).sort(compare))
    if (pace.isLong) await pace.rest()
  }
  while (runs.length > 1) {
    const longer: T[][] = []
    for (let i = 0; i < runs.length; i += 2)
      longer.push(await merged(runs[i] as T[], runs[i + 1] ?? [], compare, pace))
    runs = longer
  }
  return runs[0] ?? []
}

async function merged<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (a: T, b: T) => number,
  pace: Pace,
): Promise<T[]> {
  const out: T[] = []
  let [i, k] = [0, 0]
  while (i < a.length && k < b.length) {
    const [x, y] = [a[i] as T, b[k] as T]
    if (compare(x, y) <= 0) {
      out.push(x)
      i++
    } else {
      out.push(y)
      k++
    }
    if (out.length % 1_000 === 0 && pace.isLong) await pace.rest()
  }
  return out.concat(a.slice(i), b.slice(k))
}
