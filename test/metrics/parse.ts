/** Reads Prometheus' text format, and fails where it is not that. */
import { expect } from 'vitest'

export interface Sample {
  /** Of a histogram: `_bucket`, `_sum`, `_count`. */
  readonly suffix: string
  readonly labels: Record<string, string>
  readonly value: number
}

export interface Family {
  readonly type: string
  help: string
  readonly samples: Sample[]
}

export function parse(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const help = /^# HELP (\w+) (.+)$/.exec(line)
    if (help !== null) {
      const f = families.get(help[1] as string)
      if (f === undefined) throw new Error(`help without type: ${line}`)
      f.help = help[2] as string
      continue
    }
    const type = /^# TYPE (\w+) (counter|gauge|untyped|histogram)$/.exec(line)
    if (type !== null) {
      expect(families.has(type[1] as string), line).toBe(false)
      families.set(type[1] as string, { type: type[2] as string, help: '', samples: [] })
      continue
    }
    const sample = /^(\w+)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN)$/.exec(line)
    if (sample === null) throw new Error(`not a sample: ${line}`)
    const pairs = [...(sample[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
    const labels = Object.fromEntries(pairs.map((p) => [p[1] as string, p[2] as string]))
    const name = sample[1] as string
    const suffix = families.has(name) ? '' : (/_(bucket|sum|count)$/.exec(name)?.[0] ?? '')
    const f = families.get(name.slice(0, name.length - suffix.length))
    if (f === undefined) throw new Error(`a sample without a type: ${line}`)
    expect([line, suffix !== '']).toEqual([line, f.type === 'histogram'])
    f.samples.push({ suffix, labels, value: Number(sample[3]) })
  }
  return families
}
