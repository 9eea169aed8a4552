/** Tables as rabbitmqctl prints them. */
export type Row = { readonly [column: string]: unknown }

export const formatters = ['table', 'pretty_table', 'json', 'csv'] as const
export type Formatter = (typeof formatters)[number]

function cell(v: unknown): string {
  if (v === null || v === undefined) return ''
  if (Array.isArray(v)) return `[${v.map(cell).join(', ')}]`
  return typeof v === 'object' ? JSON.stringify(v) : String(v)
}

function csvCell(v: unknown): string {
  const s = cell(v)
  return /[",\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s
}

/** @param headers whether a line with the names of the columns comes first */
export function format(
  rows: readonly Row[],
  columns: readonly string[],
  how: Formatter,
  headers: boolean,
): string {
  const table = rows.map((r) => columns.map((c) => r[c]))
  if (how === 'json')
    return `${JSON.stringify(rows.map((r) => Object.fromEntries(columns.map((c) => [c, r[c] ?? null]))))}\n`
  if (how === 'csv')
    return [...(headers ? [columns] : []), ...table].map((r) => `${r.map(csvCell).join(',')}\n`).join('')
  if (how === 'pretty_table') return pretty([columns, ...table.map((r) => r.map(cell))])
  return [...(headers ? [columns] : []), ...table].map((r) => `${r.map(cell).join('\t')}\n`).join('')
}

function pretty(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((l) => l[i]?.length ?? 0)))
  const line = (l: readonly string[]): string =>
    `│ ${l.map((c, i) => c.padEnd(widths[i] ?? 0)).join(' │ ')} │\n`
  const rule = (a: string, b: string, c: string): string =>
    `${a}${widths.map((w) => '─'.repeat(w + 2)).join(b)}${c}\n`
  const [head = [], ...rest] = lines
  return `${rule('┌', '┬', '┐')}${line(head)}${rule('├', '┼', '┤')}${rest.map(line).join('')}${rule('└', '┴', '┘')}`
}
