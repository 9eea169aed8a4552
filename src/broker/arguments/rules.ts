/** Rules for the values of x-arguments, with the error details that RabbitMQ prints (behaviour.md section 10). */
import { type FieldTable, type FieldValue, integerOf, toPlain } from '../../protocol/field-table.ts'
import { SHORT_STRING_BYTES_MAX } from '../../util/octet-text.ts'

const AGE_UNIT_MS: Record<string, number> = {
  Y: 365 * 86_400_000,
  M: 30 * 86_400_000,
  D: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
}

/** Parses an age such as `7D` or `12h` into ms; undefined if the syntax is invalid. */
export function ageMs(age: string): number | undefined {
  const match = /^(\d+)([YMDhms])$/.exec(age)
  return match === null ? undefined : Number(match[1]) * (AGE_UNIT_MS[match[2] as string] as number)
}

/** Checks a value: returns RabbitMQ's error text, or undefined if the value is valid. */
export type Rule = (v: FieldValue, all: FieldTable) => string | undefined

/** Ten years in ms, the longest period that RabbitMQ's timers accept. */
const MS_MAX = 315_360_000_000

/** The names that error texts use for the types of field table values, by type letter. */
const typeNames: Record<FieldValue['type'], string> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  L: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  S: 'longstr',
  x: 'binary',
  A: 'array',
  F: 'table',
  T: 'timestamp',
  V: 'void',
}

export function typeName(v: FieldValue): string {
  return typeNames[v.type]
}

/** A value as shown in error texts. Tables and arrays as JSON: a table has no prototype, hence no toString. */
export function valueText(v: FieldValue): string {
  const plain = toPlain(v)
  if (v.type !== 'F' && v.type !== 'A') return String(plain)
  return JSON.stringify(plain, (_, value) => (typeof value === 'bigint' ? String(value) : value))
}

/** @param check receives the number and its text, because a double cannot represent every 64-bit integer exactly */
export function integer(check: (n: number, shown: string) => string | undefined): Rule {
  return (v) => {
    const n = integerOf(v)
    return n === undefined ? `"expected integer, got ${typeName(v)}"` : check(n, String(v.value))
  }
}
const negative = (n: number, shown: string): string | undefined =>
  n < 0 ? `{value_negative,${shown}}` : undefined
const zero = (n: number): string | undefined => (n === 0 ? '{value_zero,0}' : undefined)
const tooLong = (n: number, shown: string): string | undefined =>
  n > MS_MAX ? `{value_too_large,${shown}}` : undefined

export const atLeastZero = integer(negative)
export const milliseconds = integer((n, shown) => negative(n, shown) ?? tooLong(n, shown))
export const positiveMilliseconds = integer((n, shown) => negative(n, shown) ?? zero(n) ?? tooLong(n, shown))
export const positive = integer((n, shown) => negative(n, shown) ?? zero(n))
export const bool: Rule = (v) => (v.type === 't' ? undefined : `{unacceptable_type,${typeName(v)}}`)
export const text: Rule = (v) => (v.type === 'S' ? undefined : `{unacceptable_type,${typeName(v)}}`)

/** A string that has to fit into a short string, such as a name or a routing key. */
export const shortText: Rule = (v, all) => {
  const wrong = text(v, all)
  const octets = Buffer.isBuffer(v.value) ? v.value.length : 0
  return wrong ?? (octets > SHORT_STRING_BYTES_MAX ? `{value_too_long,${octets}}` : undefined)
}

/** @param error error text, in which `%s` is replaced by the value */
export function oneOf(values: readonly string[], error: string): Rule {
  return (v, all) =>
    text(v, all) ?? (values.includes(String(v.value)) ? undefined : error.replace('%s', String(v.value)))
}
