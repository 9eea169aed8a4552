/** The tables that the benchmark prints, as docs/benchmarks.md has them. */
import { isCost, type Unit, type Workload } from './workloads.ts'

export interface Measure {
  readonly workload: string
  readonly target: string
  readonly round: number
  /** messages (or steps) a second; for latencies ms at p50; for CPU per cent of a core */
  readonly rate: number
  readonly p99: number
  readonly perCpuSecond: number
  readonly peakMegabytes: number
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

export function show(n: number, unit: Unit): string {
  if (unit === 'latency') return `${n.toFixed(2)} ms`
  if (unit === 'cpu') return `${n.toFixed(1)} %`
  return (n >= 1000 ? Math.round(n).toLocaleString('en-US') : n.toFixed(1)) + (unit === 'rate' ? '' : '/s')
}

export function markdown(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows
  return [head, head.map(() => '---'), ...rest].map((r) => `| ${r.join(' | ')} |`).join('\n')
}

/** Medians of all rounds, with ratios to the first broker: above 1 it is better than the others. */
export function workloadTable(
  all: readonly Measure[],
  list: readonly Workload[],
  targets: readonly string[],
): string {
  const others = targets.slice(1)
  const head = [
    'workload',
    ...targets,
    ...others.map((t) => (others.length === 1 ? 'ratio' : `to ${t}`)),
    'messages a broker CPU second',
    'MB at most',
  ]
  const rows = list.map((w) => {
    const of = (t: string, f: (m: Measure) => number): number =>
      median(all.filter((m) => m.workload === w.name && m.target === t).map(f))
    const rates = targets.map((t) => of(t, (m) => m.rate))
    const own = rates[0] ?? 0
    const figures = targets.map((t, i) => {
      const p99 = w.unit === 'latency' ? `, p99 ${of(t, (m) => m.p99).toFixed(2)}` : ''
      return show(rates[i] ?? 0, w.unit) + p99
    })
    const ratios = rates.slice(1).map((r) => (isCost(w.unit) ? r / own : own / r).toFixed(1))
    const cpu = targets.map((t) => of(t, (m) => m.perCpuSecond))
    const work = cpu.every((n) => n > 0) ? cpu.map((n) => show(n, 'rate')).join(' and ') : ''
    const peaks = targets.map((t) => of(t, (m) => m.peakMegabytes).toFixed(0)).join(' and ')
    return [w.name, ...figures, ...ratios, work, peaks]
  })
  return markdown([head, ...rows])
}
