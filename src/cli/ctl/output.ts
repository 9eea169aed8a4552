/** Formats tables the way rabbitmqctl prints them. */
import { erlangTerm, rowTerm, tableTerm, tableTriples } from './erlang.ts'

export type Row = { readonly [column: string]: unknown }

export const formatters = ['table', 'pretty_table', 'json', 'json_stream', 'csv', 'erlang'] as const
export type Formatter = (typeof formatters)[number]

/** Formats for programs, printed without a banner. */
export const machineFormatters: readonly string[] = ['json', 'json_stream', 'csv']

/** Columns that hold an AMQP table, which rabbitmqctl shows as a list of pairs. */
const tableColumns = new Set(['arguments', 'client_properties', 'server_properties'])

/** Columns that hold JSON, which rabbitmqctl shows as a string in every format. */
const jsonColumns = new Set(['definition', 'limits'])

function cell(v: unknown, column: string): string {
  if (v === null || v === undefined) return ''
  if (jsonColumns.has(column)) return JSON.stringify(v)
  if (tableColumns.has(column) && typeof v === 'object') return tableTerm(v as object)
  if (Array.isArray(v)) return `[${v.map((e) => cell(e, '')).join(', ')}]`
  return typeof v === 'object' ? mapTerm(v, column) : String(v)
}

/** Node names are atoms; names of settings are not. */
function mapTerm(map: object, column: string): string {
  const bare = column === 'cluster_state'
  const pair = ([k, v]: [string, unknown]): string => `{${bare ? k : `<<"${k}">>`}, ${cell(v, '')}}`
  return `[${Object.entries(map).map(pair).join(', ')}]`
}

function jsonRow(row: Row): Row {
  const shown = ([c, v]: [string, unknown]): [string, unknown] => {
    // In rabbitmqctl's lists a missing value is an empty string.
    if (v === null) return [c, '']
    if (jsonColumns.has(c)) return [c, JSON.stringify(v)]
    if (c === 'effective_policy_definition') return [c, Object.entries(v as object)]
    return tableColumns.has(c) && typeof v === 'object' ? [c, tableTriples(v as object)] : [c, v]
  }
  return Object.fromEntries(Object.entries(row).map(shown))
}

/** Formats a CSV value, always quoted, as rabbitmqctl does. */
function csvCell(v: string): string {
  return `"${v.replaceAll('"', '""')}"`
}

/** @param headers whether to print the column names first */
export function format(
  rows: readonly Row[],
  columns: readonly string[],
  how: Formatter,
  headers: boolean,
): string {
  const picked = rows.map((r) => Object.fromEntries(columns.map((c) => [c, r[c] ?? null])))
  // One object per line, as in rabbitmqctl.
  if (how === 'json') return `[\n${picked.map((r) => `${JSON.stringify(jsonRow(r))}\n`).join(',')}]\n`
  if (how === 'json_stream') return picked.map((r) => `${JSON.stringify(jsonRow(r))}\n`).join('')
  if (how === 'erlang') return `[${picked.map((r) => rowTerm(r, tableColumns)).join(',')}]\n`
  const table = rows.map((r) => columns.map((c) => cell(r[c], c)))
  if (how === 'csv')
    return [...(headers ? [columns] : []), ...table].map((r) => `${r.map(csvCell).join(',')}\n`).join('')
  if (how === 'pretty_table') return pretty([columns, ...table])
  // Like rabbitmqctl, prints no column names for an empty table.
  const lines = headers && table.length > 0 ? [columns, ...table] : table
  return lines.map((r) => `${r.join('\t')}\n`).join('')
}

/** Formats one object, with one line per member or as a whole. */
export function formatObject(o: Row, how: Formatter): string {
  if (how === 'json' || how === 'json_stream') return `${JSON.stringify(o)}\n`
  if (how === 'erlang') return `${erlangTerm(o)}\n`
  return Object.entries(o)
    .map(([k, v]) => `${k}: ${cell(v, k)}\n`)
    .join('')
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
