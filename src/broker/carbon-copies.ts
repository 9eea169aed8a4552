/** CC and BCC: additional routing keys of a message (behaviour.md section 7). */
import type { FieldTable } from '../protocol/field-table.ts'
import { octetText } from '../util/octet-text.ts'

/** The strings in the header; empty if the header is absent or not an array. */
export function carbonCopyKeys(headers: FieldTable | undefined, name: 'CC' | 'BCC'): string[] {
  const v = headers?.get(name)
  return v?.type === 'A' ? v.value.flatMap((k) => (k.type === 'S' ? [octetText(k.value)] : [])) : []
}
