/** Prometheus' text format, version 0.0.4. */

export type MetricType = 'counter' | 'gauge' | 'untyped' | 'histogram'

export interface Sample {
  readonly labels?: string
  readonly value: number
  /** For a histogram: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string
}

export interface Family {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly samples: readonly Sample[]
}

export function labels(pairs: { readonly [name: string]: string }): string {
  const escaped = (s: string): string => s.replace(/["\\\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))
  return `{${Object.entries(pairs)
    .map(([n, v]) => `${n}="${escaped(v)}"`)
    .join(',')}}`
}

export function head(name: string, type: MetricType, help: string): string {
  return `# TYPE ${name} ${type}\n# HELP ${name} ${help}\n`
}

export function text(families: readonly Family[]): string {
  return families
    .map(
      (f) =>
        head(f.name, f.type, f.help) +
        f.samples.map((s) => `${f.name}${s.suffix ?? ''}${s.labels ?? ''} ${s.value}\n`).join(''),
    )
    .join('')
}

export function family(
  name: string,
  type: MetricType,
  help: string,
  value: number,
  pairs?: { readonly [name: string]: string },
): Family {
  return { name, type, help, samples: [pairs === undefined ? { value } : { value, labels: labels(pairs) }] }
}
