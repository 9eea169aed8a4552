/** Values of field tables as JSON, so that a replay says exactly what went over the wire, and back as text to compare. */
import { FieldTable, type FieldValue, fieldEntry, toField } from '../../../src/protocol/field-table.ts'

/** A value of one type letter where JSON's own types do not tell it; 64-bit integers and octets (in hex) are text. */
interface Lettered {
  readonly as: FieldValue['type']
  readonly is: number | string
}
export type Typed =
  | null
  | string
  | number
  | boolean
  | readonly Typed[]
  | Lettered
  | { readonly [name: string]: Typed }
export interface TypedTable {
  readonly [name: string]: Typed
}
type Named = (text: string) => string

/** @param named gives names in texts their full form */
export function field(t: Typed, named: Named): FieldValue {
  if (typeof t === 'string') return toField(named(t))
  if (t === null || typeof t !== 'object') return toField(t)
  if (Array.isArray(t)) return { type: 'A', value: t.map((v: Typed) => field(v, named)) }
  return isLettered(t) ? lettered(t) : { type: 'F', value: fieldTable(t as TypedTable, named) }
}

function isLettered(t: object): t is Lettered {
  return Object.keys(t).join() === 'as,is'
}

function lettered({ as, is }: Lettered): FieldValue {
  if (as === 'l' || as === 'T' || as === 'L') return { type: as, value: BigInt(is) }
  if (as === 'D') return { type: 'D', value: { scale: 2, digits: Number(is) } }
  if (as === 'x' || as === 'S') return { type: as, value: Buffer.from(String(is), 'hex') }
  return { type: as, value: Number(is) } as FieldValue
}

export function fieldTable(t: TypedTable, named: Named): FieldTable {
  return FieldTable.of(Object.entries(t).map(([name, v]) => fieldEntry(named(name), field(v, named))))
}

/** With type letters: what differs only in its type differs in its text. */
export function shown(f: FieldValue): string {
  if (f.type === 'F') return shownTable(f.value)
  if (f.type === 'A') return `[${f.value.map(shown).join(' ')}]`
  if (f.type === 'V') return 'void'
  if (f.type === 'S') return JSON.stringify(f.value.toString('latin1'))
  if (f.type === 'x') return `x${f.value.toString('hex')}`
  if (f.type === 'D') return `D${f.value.digits}/${f.value.scale}`
  return `${f.type}${f.value}`
}

export function shownTable(t: FieldTable): string {
  // The time at which a message has died is nobody's choice.
  const entries = t.entries.map(({ name, value }) =>
    name === 'time' && value.type === 'T' ? 'time=now' : `${name}=${shown(value)}`,
  )
  return `{${entries.join(' ')}}`
}
