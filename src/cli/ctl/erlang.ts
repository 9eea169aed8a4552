/** Formats values as Erlang terms, for scripts that parse rabbitmqctl's output as Erlang. */

/** Formats an AMQP table as rabbitmqctl prints it: `[{"x-max-length",10},{"a","b"}]`. */
export function tableTerm(table: object): string {
  const pair = ([name, v]: [string, unknown]): string => `{${quoted(name)},${fieldTerm(v)}}`
  return `[${(Array.isArray(table) ? [] : Object.entries(table)).map(pair).join(',')}]`
}

function fieldTerm(v: unknown): string {
  if (typeof v === 'string') return quoted(v)
  if (Array.isArray(v)) return `[${v.map(fieldTerm).join(',')}]`
  if (v !== null && typeof v === 'object') return tableTerm(v)
  return v === null || v === undefined ? 'undefined' : String(v)
}

/** Converts an AMQP table to the form of rabbitmqctl's JSON: name, type and value of each field. */
export function tableTriples(table: object): unknown[] {
  return Array.isArray(table) ? [] : Object.entries(table).map(([name, v]) => [name, ...typed(v)])
}

/** Infers the AMQP type of a JSON value; JSON has only one numeric type. */
function typed(v: unknown): [string, unknown] {
  if (typeof v === 'string') return ['longstr', v]
  if (typeof v === 'boolean') return ['bool', v]
  if (typeof v === 'number')
    return [Number.isInteger(v) ? (v === (v | 0) ? 'signedint' : 'long') : 'double', v]
  if (Array.isArray(v)) return ['array', v.map(typed)]
  return v === null || v === undefined ? ['void', 'undefined'] : ['table', tableTriples(v)]
}

/** Formats the triples as an Erlang term: `[{<<"product">>,longstr,<<"x">>}]`. */
function triplesTerm(table: object): string {
  return pairsTerm(tableTriples(table))
}

function pairsTerm(triples: unknown): string {
  const term = ([name, type, v]: [string, string, unknown]): string =>
    `{${erlangTerm(name)},${type},${type === 'table' ? pairsTerm(v) : erlangTerm(v)}}`
  return `[${(triples as [string, string, unknown][]).map(term).join(',')}]`
}

function quoted(s: string): string {
  return `"${s.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

/** Formats a row as a property list with a pair for each column. @param tables columns that hold an AMQP table */
export function rowTerm(row: Readonly<Record<string, unknown>>, tables: ReadonlySet<string>): string {
  const term = ([name, v]: [string, unknown]): string =>
    `{${atom(name)},${tables.has(name) && v !== null && typeof v === 'object' ? triplesTerm(v) : erlangTerm(v)}}`
  return `[${Object.entries(row).map(term).join(',')}]`
}

/** Strings become binaries, objects property lists with atoms as keys. */
export function erlangTerm(v: unknown): string {
  if (typeof v === 'string') return `<<${quoted(v)}${/^[\x20-\x7e]*$/.test(v) ? '' : '/utf8'}>>`
  if (Array.isArray(v)) return `[${v.map(erlangTerm).join(',')}]`
  if (v === null || v === undefined) return 'undefined'
  if (typeof v !== 'object') return String(v)
  return `[${Object.entries(v)
    .map(([name, e]) => `{${atom(name)},${erlangTerm(e)}}`)
    .join(',')}]`
}

function atom(name: string): string {
  return /^[a-z][a-zA-Z0-9_@]*$/.test(name) ? name : `'${name.replaceAll("'", "\\'")}'`
}
