/** Whether a client announces a capability in connection.start-ok. */
import type { FieldTable } from '../protocol/field-table.ts'

export function announces(properties: FieldTable | undefined, capability: string): boolean {
  const capabilities = properties?.get('capabilities')
  const value = capabilities?.type === 'F' ? capabilities.value.get(capability) : undefined
  return value?.type === 't' && value.value
}
