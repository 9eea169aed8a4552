import { rate } from '../format.ts'
import { ratesOfAll } from '../history.ts'
import type { Stats } from '../types.ts'
import { Chart } from './chart.tsx'

/** The name of a line, and the counters whose rates it sums up. */
export type RateLine = readonly [name: string, ...counters: string[]]

interface RateChartProps {
  /** The object that the counters belong to: the `of` of `note`. */
  target: string
  stats: Stats | undefined
  lines: readonly RateLine[]
  /** ms */
  span: number
  until: number
}

/** A chart of an object's messages per second. */
export function RateChart({ target, stats, lines, span, until }: RateChartProps) {
  const series = lines.map(([name, ...counters], i) => ({
    name,
    colour: i + 1,
    points: ratesOfAll(target, counters, stats),
  }))
  return <Chart title="Messages a second" format={rate} span={span} until={until} series={series} />
}
