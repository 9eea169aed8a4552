/** Figures over time as an SVG: one small chart for each, from 0, with its early and late median. */
import type { Series } from './trend.ts'
import { trendOf } from './trend.ts'

const [WIDTH, HEIGHT, LEFT, TOP, GAP] = [360, 110, 60, 56, 46]
const COLUMNS = 2

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

export function shown(value: number, unit: Series['unit']): string {
  if (unit === 'MB') return `${(value / 1e6).toFixed(value < 10e6 ? 1 : 0)} MB`
  return unit === 'ms' ? `${value.toFixed(value < 10 ? 2 : 0)} ms` : String(Math.round(value))
}

/** @param seconds when each value was taken */
export function chart(title: string, seconds: readonly number[], series: readonly Series[]): string {
  const rows = Math.ceil(series.length / COLUMNS)
  const [width, height] = [COLUMNS * (LEFT + WIDTH + 20), TOP + rows * (HEIGHT + GAP)]
  const parts = series.map((s, i) => {
    const x = LEFT + (i % COLUMNS) * (LEFT + WIDTH + 20)
    const y = TOP + 18 + Math.floor(i / COLUMNS) * (HEIGHT + GAP)
    return `<g transform="translate(${x} ${y})">${one(s, seconds)}</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ' font-family="sans-serif" font-size="11" fill="#333">',
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="16" y="26" font-size="15">${escaped(title)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function one(s: Series, seconds: readonly number[]): string {
  const top = Math.max(...s.values, 1e-9) * 1.1
  const end = Math.max(seconds.at(-1) ?? 0, 1e-9)
  const x = (at: number): string => ((at / end) * WIDTH).toFixed(1)
  const y = (value: number): string => (HEIGHT - (value / top) * HEIGHT).toFixed(1)
  const points = s.values.map((v, i) => `${x(seconds[i] ?? 0)},${y(v)}`).join(' ')
  const { early, late } = trendOf(s)
  const minutes = end / 60
  return [
    `<text y="-6">${escaped(s.name)}: ${shown(early, s.unit)}, at the end ${shown(late, s.unit)}</text>`,
    `<path d="M0 0V${HEIGHT}H${WIDTH}" fill="none" stroke="#999"/>`,
    `<text x="-6" y="${HEIGHT}" text-anchor="end">0</text>`,
    `<text x="-6" y="9" text-anchor="end">${shown(top, s.unit)}</text>`,
    `<text x="${WIDTH}" y="${HEIGHT + 14}" text-anchor="end">${minutes.toFixed(minutes < 10 ? 1 : 0)} min</text>`,
    `<polyline points="${points}" fill="none" stroke="#2a6db0" stroke-width="1.2"/>`,
  ].join('\n')
}
