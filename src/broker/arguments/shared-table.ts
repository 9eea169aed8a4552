/** Arguments that many queues or bindings have in common, such as their type: one table in memory for all of them. */
import { FieldTable } from '../../protocol/field-table.ts'

/** Tables that are remembered. */
const TABLES_MAX = 256
/** Octets of a table that many may have in common. */
export const SHARED_TABLE_BYTES_MAX = 256

const tables = new Map<string, FieldTable>()

/** An equal table that others may have too. */
export function sharedTable(table: FieldTable): FieldTable {
  const { length } = table.bytes
  if (length === 0) return FieldTable.empty
  if (length > SHARED_TABLE_BYTES_MAX) return table
  const key = table.bytes.toString('latin1')
  const known = tables.get(key)
  if (known !== undefined) return known
  if (tables.size === TABLES_MAX) tables.clear()
  tables.set(key, table)
  return table
}
