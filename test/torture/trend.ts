/** Whether a figure that was taken again and again is flat at the end. */

export interface Series {
  readonly name: string
  /** For a figure as a reader is told. */
  readonly unit: 'MB' | 'ms' | ''
  readonly values: readonly number[]
  /** How much more the late median may be than the early one: a share of it, and in units of the values on top. */
  readonly share: number
  readonly more: number
}

export interface Trend {
  readonly name: string
  readonly early: number
  readonly late: number
  /** The late median may be as much. */
  readonly bound: number
  readonly isFlat: boolean
}

/** Of the samples: those before count as warming up, and how many each of the two windows has. */
const WARM_SHARE = 0.2
const WINDOW_SHARE = 0.2

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[half] as number)
    : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2
}

/** Compares the median of the window behind the warm-up with that of the last window. */
export function trendOf({ name, values, share, more }: Series): Trend {
  const length = Math.max(1, Math.floor(values.length * WINDOW_SHARE))
  const from = Math.floor(values.length * WARM_SHARE)
  const early = median(values.slice(from, from + length))
  const late = median(values.slice(-length))
  const bound = early * (1 + share) + more
  return { name, early, late, bound, isFlat: late <= bound }
}
