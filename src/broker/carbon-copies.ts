/** CC and BCC: further keys under which a message is routed (behaviour.md section 7). */
import type { FieldTable } from '../protocol/field-table.ts'
import { octetText } from '../util/octet-text.ts'

/** The texts of the header; empty where it is absent or no array of texts. */
export function carbonCopyKeys(headers: FieldTable | undefined, name: 'CC' | 'BCC'): string[] {
  const v = headers?.get(name)
  return v?.type === 'A' ? v.value.flatMap((k) => (k.type === 'S' ? [octetText(k.value)] : [])) : []
}
