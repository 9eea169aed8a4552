/** Arguments of a redeclaration that are no simple values. */
import { describe, expect, it } from 'vitest'
import { checkArguments } from '../../src/operations/equivalence.ts'
import { FieldTable, type FieldValue, fieldEntry } from '../../src/protocol/field-table.ts'

const fields = (o: Record<string, FieldValue>): FieldTable =>
  FieldTable.of(Object.entries(o).map(([name, value]) => fieldEntry(name, value)))

describe('arguments that differ', () => {
  it.each<[string, FieldValue, string]>([
    [
      'a table',
      { type: 'F', value: fields({ n: { type: 'l', value: 2n ** 63n - 1n } }) },
      '{"n":"9223372036854775807"}',
    ],
    ['an array', { type: 'A', value: [{ type: 'F', value: FieldTable.empty }] }, '[{}]'],
    ['a time that no calendar has', { type: 'T', value: 2n ** 64n - 1n }, 'Invalid Date'],
  ])('are shown, whatever their type: %s', (_, value, shown) => {
    const check = (): void => checkArguments('exchange x', ['a'], fields({ a: value }), FieldTable.empty)
    expect(check).toThrow(`inequivalent arg 'a' for exchange x: received the value '${shown}' of type`)
  })
})
