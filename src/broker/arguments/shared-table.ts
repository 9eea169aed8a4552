/** Keeps one copy in memory of argument tables that many queues or bindings have in common, such as `x-queue-type`. */
import { FieldTable } from '../../protocol/field-table.ts'

/** Maximum number of tables kept. */
const TABLES_MAX = 256
/** Maximum size of a table that is shared, in octets. */
export const SHARED_TABLE_BYTES_MAX = 256

const tables = new Map<string, FieldTable>()

/** Returns a table with the same content, which may be shared with other objects. */
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
