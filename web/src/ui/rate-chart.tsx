import { rate } from '../format.ts'
import { ratesOfAll } from '../history.ts'
import type { Stats } from '../types.ts'
import { Chart } from './chart.tsx'

/** The name of a line, and the counters whose growth it adds up. */
export type RateLine = readonly [name: string, ...counters: string[]]

interface RateChartProps {
  /** Whose counters they are, as `note` knows it. */
  target: string
  stats: Stats | undefined
  lines: readonly RateLine[]
  /** ms */
  span: number
  until: number
}

/** Messages a second of one object. */
export function RateChart({ target, stats, lines, span, until }: RateChartProps) {
  const series = lines.map(([name, ...counters], i) => ({
    name,
    colour: i + 1,
    points: ratesOfAll(target, counters, stats),
  }))
  return <Chart title="Messages a second" format={rate} span={span} until={until} series={series} />
}
