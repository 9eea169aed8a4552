import { preconditionFailed } from '../../protocol/errors.ts'
import { encodeField } from '../../protocol/field-encode.ts'
import type { FieldTable, FieldValue } from '../../protocol/field-table.ts'
import { typeName } from '../arguments/rules.ts'
import type { Binding, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

const MODES = ['all', 'any', 'all-with-x', 'any-with-x']

interface Rule {
  readonly any: boolean
  readonly fields: readonly { name: string; value: FieldValue }[]
}

/** headers: routes by the message's headers (behaviour.md section 9) and ignores the routing key. */
export class HeadersRouting implements ExchangeRouting {
  readonly byKeyOnly = false
  readonly keyless = true
  private readonly rules = new Map<Binding, Rule>()

  checkBinding(_key: string, args: FieldTable): void {
    const v = args.get('x-match')
    if (v === undefined) return
    if (v.type !== 'S')
      throw preconditionFailed(
        `Invalid x-match field type ${typeName(v)} (value ${String(v.value)}); expected longstr`,
      )
    if (!MODES.includes(v.value.toString()))
      throw preconditionFailed(
        `Invalid x-match field value <<"${v.value}">>; expected all, any, all-with-x, or any-with-x`,
      )
  }

  add(b: Binding): void {
    const mode = b.arguments.text('x-match') ?? 'all'
    const withX = mode.endsWith('-with-x')
    this.rules.set(b, {
      any: mode.startsWith('any'),
      fields: b.arguments.entries.filter((e) => e.name !== 'x-match' && (withX || !e.name.startsWith('x-'))),
    })
  }

  remove(b: Binding): void {
    this.rules.delete(b)
  }

  route(message: RoutedMessage, matches: Matches): void {
    const headers = message.headers()
    for (const [b, rule] of this.rules) {
      matches.steps(rule.fields.length)
      if (holds(rule, headers)) matches.add(b.destination)
    }
  }
}

/**
 * Whether the headers match. With no usable field, `all` matches every message and `any` none. A void field only has to
 * be present in the headers.
 */
function holds(rule: Rule, headers: FieldTable): boolean {
  for (const { name, value } of rule.fields) {
    const actual = headers.get(name)
    const equal = actual !== undefined && (value.type === 'V' || valuesEqual(value, actual))
    if (equal === rule.any) return equal
  }
  return !rule.any
}

/**
 * Compares numbers and timestamps by value and strings by octets, whatever their types: 5 equals 5.0. In arrays and
 * tables the types of the elements count.
 */
function valuesEqual(a: FieldValue, b: FieldValue): boolean {
  if (a.type === 'S' || a.type === 'x') return (b.type === 'S' || b.type === 'x') && a.value.equals(b.value)
  // A shortcut: encoding both takes ten times as long.
  if (a.type === 't' && b.type === 't' && a.octets === undefined && b.octets === undefined)
    return a.value === b.value
  return sameNumber(a.value, b.value) || (a.type === b.type && encodeField(a).equals(encodeField(b)))
}

/** Compares without loss of precision: 2^53 + 1 differs from 2^53. */
function sameNumber(a: unknown, b: unknown): boolean {
  // A number and a bigint are never equal for `===` and Object.is.
  return isNumber(a) && isNumber(b) && (a as number) <= (b as number) && (a as number) >= (b as number)
}

function isNumber(v: unknown): boolean {
  return typeof v === 'number' || typeof v === 'bigint'
}
