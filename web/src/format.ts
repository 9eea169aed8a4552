/** Formats numbers, times and names for people. */

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 })

export function count(n: number | undefined | null): string {
  return n === undefined || n === null ? '–' : whole.format(n)
}

/** 12.3k */
export function compact(n: number): string {
  return Math.abs(n) < 10_000 ? whole.format(n) : short.format(n)
}

/** A rate in events per second. */
export function rate(n: number | undefined): string {
  if (n === undefined) return '–'
  if (n === 0) return '0/s'
  if (Math.abs(n) < 10) return `${n.toFixed(1)}/s`
  return `${compact(Math.round(n))}/s`
}

/** A rate with its sign; empty for 0. */
export function growth(n: number | undefined): string {
  return n === undefined || n === 0 ? '' : `${n > 0 ? '+' : '−'}${rate(Math.abs(n))}`
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytes(n: number | undefined | null): string {
  if (n === undefined || n === null) return '–'
  let at = 0
  let v = n
  while (v >= 1024 && at < units.length - 1) {
    v /= 1024
    at++
  }
  return `${at === 0 || v >= 100 ? Math.round(v) : v.toFixed(1)} ${units[at]}`
}

export function ms(n: number): string {
  return n < 10 ? `${n.toFixed(1)} ms` : `${Math.round(n)} ms`
}

/** Seconds as `3 d 4 h`, `5 min`, `12 s`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  const steps: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ]
  for (const [i, [size, name]] of steps.entries()) {
    if (s < size) continue
    const rest = Math.floor((s % size) / (steps[i + 1]?.[0] ?? 1))
    const next = steps[i + 1]?.[1] ?? 's'
    return rest === 0 ? `${Math.floor(s / size)} ${name}` : `${Math.floor(s / size)} ${name} ${rest} ${next}`
  }
  return `${s} s`
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})

/** Formats a time, with the date unless it is today. @param at ms since 1970 */
export function when(at: number): string {
  const d = new Date(at)
  if (Number.isNaN(d.getTime())) return '–'
  return d.toDateString() === new Date().toDateString() ? clock.format(d) : day.format(d)
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** Replaces characters that are invisible or change the direction of text by their code points. */
export function visible(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are to be seen
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (c) => `⟨${(c.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}⟩`,
  )
}
