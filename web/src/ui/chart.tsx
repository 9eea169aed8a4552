/** Line charts over time, drawn as SVG in the colours of the theme. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { when } from '../format.ts'

/** Time in ms since 1970, and the value. */
export type Point = readonly [number, number]

export interface Series {
  readonly name: string
  /** The number of one of the theme's chart colours, 1 to 6. */
  readonly colour: number
  readonly points: readonly Point[]
}

interface ChartProps {
  title: string
  series: readonly Series[]
  format(v: number): string
  /** ms */
  span: number
  /** The end of the time axis, in ms since 1970. */
  until: number
  /** Minimum of the top of the scale. */
  least?: number
  /** For octets: the scale uses powers of two. */
  binary?: boolean
  /** The value of a horizontal line, such as a limit. */
  limit?: number | undefined
}

const HEIGHT = 128
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 6, 8, 20]

/** The part of the span that has data, at least a minute, so that a line that has just begun fills the chart. */
function known(series: readonly Series[], span: number, until: number): number {
  const starts = series.map(({ points }) => {
    const busy = points.findIndex((p) => p[1] !== 0)
    return points[Math.max(0, busy - 1)]?.[0] ?? until
  })
  const first = Math.min(until, ...starts.filter((_, i) => series[i]?.points.some((p) => p[1] !== 0)))
  return Math.min(span, Math.max(60_000, until - first))
}

export function Chart({
  title,
  series,
  format,
  span: asked,
  until,
  least = 1,
  binary = false,
  limit,
}: ChartProps) {
  const span = known(series, asked, until)
  const box = useRef<HTMLDivElement>(null)
  const width = useWidth(box)
  const [at, setAt] = useState<number | undefined>()
  const inner = Math.max(10, width - LEFT - RIGHT)
  const top = useMemo(
    () => ceiling(Math.max(least, limit ?? 0, ...series.flatMap((s) => s.points.map((p) => p[1]))), binary),
    [series, least, limit, binary],
  )
  const x = (t: number): number => LEFT + ((t - (until - span)) / span) * inner
  const y = (v: number): number => TOP + (1 - v / top) * (HEIGHT - TOP - BOTTOM)
  // Leaves out a middle mark whose label would be rounded, such as half of an odd number of messages.
  const steps = [0, top / 2, top].filter((v) => Number.isInteger(v) || format(v) !== format(Math.round(v)))
  const marks = [until - span, until - span / 2, until]
  const found = at === undefined ? undefined : nearest(series, at)
  const point = (e: PointerEvent): void => {
    const left = box.current?.getBoundingClientRect().left ?? 0
    setAt(until - span + ((e.clientX - left - LEFT) / inner) * span)
  }
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="legend">
          {series.map((s) => (
            <span key={s.name}>
              <i class={`swatch c${s.colour}`} />
              {s.name} <b>{format(valueAt(s, found) ?? s.points.at(-1)?.[1] ?? 0)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={box} class="plot" onPointerMove={point} onPointerLeave={() => setAt(undefined)}>
        <svg width={width} height={HEIGHT} role="img" aria-label={summary(title, series, format)}>
          {steps.map((v) => (
            <g key={v}>
              <line class="rule" x1={LEFT} x2={width - RIGHT} y1={y(v)} y2={y(v)} />
              <text class="tick" x={LEFT - 6} y={y(v) + 4} text-anchor="end">
                {format(v)}
              </text>
            </g>
          ))}
          {marks.map((t, i) => (
            <text
              key={t}
              class="tick"
              x={x(t)}
              y={HEIGHT - 4}
              text-anchor={(['start', 'middle', 'end'] as const)[i] ?? 'middle'}
            >
              {when(t)}
            </text>
          ))}
          {limit === undefined ? null : (
            <line class="limit" x1={LEFT} x2={width - RIGHT} y1={y(limit)} y2={y(limit)} />
          )}
          {series.map((s) => (
            <path key={s.name} class={`line c${s.colour}`} d={lineOf(s.points, x, y, until - span, until)} />
          ))}
          {found === undefined ? null : (
            <line class="cursor" x1={x(found)} x2={x(found)} y1={TOP} y2={HEIGHT - BOTTOM} />
          )}
        </svg>
        {found === undefined ? null : <span class="chart-time">{when(found)}</span>}
      </div>
    </figure>
  )
}

function useWidth(box: { current: HTMLDivElement | null }): number {
  const [width, setWidth] = useState(400)
  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const size = new ResizeObserver(() => setWidth(Math.max(120, element.clientWidth)))
    size.observe(element)
    return () => size.disconnect()
  }, [])
  return width
}

/** 1, 2 or 5 times a power of ten, or a power of two. */
function ceiling(v: number, binary: boolean): number {
  if (binary) return 2 ** Math.ceil(Math.log2(v) - 0.001)
  const power = 10 ** Math.floor(Math.log10(v))
  return ([1, 2, 5, 10].find((m) => m * power >= v * 0.999) ?? 10) * power
}

function lineOf(
  points: readonly Point[],
  x: (t: number) => number,
  y: (v: number) => number,
  from: number,
  until: number,
): string {
  let path = ''
  for (let i = 0; i < points.length; i++) {
    const [t, v] = points[i] as Point
    // Keeps the last point before the beginning, so that the line starts at the edge.
    if (t < from && (points[i + 1]?.[0] ?? from) < from) continue
    // The broker's clock may be ahead.
    if (t > until) break
    path += `${path === '' ? 'M' : 'L'}${x(Math.max(t, from)).toFixed(1)},${y(v).toFixed(1)}`
  }
  return path
}

/** The time of the point nearest to a time. */
function nearest(series: readonly Series[], at: number): number | undefined {
  let best: number | undefined
  for (const { points } of series)
    for (const [t] of points) if (best === undefined || Math.abs(t - at) < Math.abs(best - at)) best = t
  return best
}

function valueAt(s: Series, t: number | undefined): number | undefined {
  return t === undefined ? undefined : s.points.find((p) => p[0] === t)?.[1]
}

function summary(title: string, series: readonly Series[], format: (v: number) => string): string {
  return `${title}: ${series.map((s) => `${s.name} ${format(s.points.at(-1)?.[1] ?? 0)}`).join(', ')}`
}
