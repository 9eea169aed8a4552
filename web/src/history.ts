/**
 * The data of charts: the broker's samples if its answers contain them, otherwise the values that this page has read
 * since it was opened.
 */

import type { Details, Sample, Stats } from './types.ts'
import type { Point } from './ui/chart.tsx'

export const RANGES = [
  ['60', '1 min'],
  ['600', '10 min'],
  ['3600', '1 h'],
  ['28800', '8 h'],
  ['86400', '1 day'],
] as const

/** Approximate number of points in a chart. */
const POINTS = 120
/** Maximum number of readings kept per number: an hour of them. */
const SEEN_MAX = 720
const STEP_SECONDS_MIN = 5

/** The query parameters that request samples of that many seconds, as RabbitMQ's UI sends them. */
export function samplesQuery(seconds: number, ...kinds: readonly string[]): string {
  const step = Math.max(STEP_SECONDS_MIN, Math.round(seconds / POINTS))
  return kinds.map((k) => `${k}_age=${seconds}&${k}_incr=${step}`).join('&')
}

const seen = new Map<string, Sample[]>()

/** Records a reading of a number. @param of the object it belongs to. @param at ms since 1970 */
export function note(of: string, name: string, value: number | undefined, at: number): void {
  if (value === undefined || at === 0) return
  const key = `${of}\n${name}`
  let list = seen.get(key)
  if (list === undefined) {
    list = []
    seen.set(key, list)
  }
  if (list.at(-1)?.timestamp === at) return
  list.push({ sample: value, timestamp: at })
  if (list.length > SEEN_MAX) list.shift()
}

export function noteAll(of: string, stats: Stats | undefined, at: number): void {
  for (const [name, v] of Object.entries(stats ?? {})) if (typeof v === 'number') note(of, name, v, at)
}

function samplesOf(of: string, name: string, stats: Stats | undefined): readonly Sample[] {
  const details = stats?.[`${name}_details`] as Details | undefined
  const given = details?.samples
  if (given !== undefined && given.length > 1) return sinceKnown(given)
  return seen.get(`${of}\n${name}`) ?? []
}

/** Sorts samples, oldest first. Leading zeros, from before the first reading, are dropped except for the last one. */
function sinceKnown(given: readonly Sample[]): readonly Sample[] {
  const now = Date.now()
  // The newest sample may lie in the future, because times are rounded.
  const all = given.filter((s) => s.timestamp <= now).sort((a, b) => a.timestamp - b.timestamp)
  const first = all.findIndex((s) => s.sample !== 0)
  return first > 1 ? all.slice(first - 1) : all
}

/** The points of a number that goes up and down. */
export function levels(of: string, name: string, stats?: Stats): Point[] {
  return samplesOf(of, name, stats).map((s) => [s.timestamp, s.sample])
}

/** The points of a counter: its growth per second. */
export function rates(of: string, name: string, stats?: Stats): Point[] {
  const all = samplesOf(of, name, stats)
  const out: Point[] = []
  for (let i = 1; i < all.length; i++) {
    const [a, b] = [all[i - 1] as Sample, all[i] as Sample]
    const seconds = (b.timestamp - a.timestamp) / 1000
    // The counter starts again from 0 when the broker is restarted.
    if (seconds > 0) out.push([b.timestamp, Math.max(0, (b.sample - a.sample) / seconds)])
  }
  return out
}

/** The points of several counters: the sum of their growth per second. */
export function ratesOfAll(of: string, names: readonly string[], stats?: Stats): Point[] {
  const sums = new Map<number, number>()
  for (const name of names) for (const [t, v] of rates(of, name, stats)) sums.set(t, (sums.get(t) ?? 0) + v)
  return [...sums].sort((a, b) => a[0] - b[0])
}
