/** A figure with its name, in Prometheus' format. */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly { readonly labels?: string; readonly value: number }[]
}

export function labels(pairs: { readonly [name: string]: string }): string {
  const escaped = (s: string): string => s.replace(/["\\\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))
  return `{${Object.entries(pairs)
    .map(([n, v]) => `${n}="${escaped(v)}"`)
    .join(',')}}`
}
