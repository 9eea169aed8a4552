/** Compares the arguments of a redeclaration with those of the original (behaviour.md section 6). */
import { typeName, valueText } from '../broker/arguments/rules.ts'
import { preconditionFailed } from '../protocol/errors.ts'
import { type FieldTable, type FieldValue, fieldsEqual } from '../protocol/field-table.ts'

/** A value with its type, as error texts show it if only one side has the argument. */
function typed(v: FieldValue | undefined): string {
  return v === undefined ? 'none' : `the value '${valueText(v)}' of type '${typeName(v)}'`
}

/** @throws AmqpError 406 for the first of `names` that differs; the widths of integers are ignored */
export function checkArguments(
  what: string,
  names: readonly string[],
  received: FieldTable,
  current: FieldTable,
): void {
  for (const name of names) {
    const a = received.get(name)
    const b = current.get(name)
    if (fieldsEqual(a, b)) continue
    const difference =
      a !== undefined && b !== undefined
        ? `received '${valueText(a)}' but current is '${valueText(b)}'`
        : `received ${typed(a)} but current is ${typed(b)}`
    throw preconditionFailed(`inequivalent arg '${name}' for ${what}: ${difference}`)
  }
}
