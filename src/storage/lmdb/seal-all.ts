import { sealed } from './keys.ts'
import { watch } from './parts.ts'

interface Entries<Key> {
  getRange(options: object): Iterable<{ key: Key; value: Buffer }>
  put(key: Key, value: Buffer): Promise<boolean>
}

/**
 * Format 1 has no checksums. States and metadata get theirs, all at once; records are left as they are.
 * @param formatKey what stands in the clear
 */
export function sealAll(meta: Entries<string>, states: Entries<Buffer>, formatKey: string): void {
  for (const { key, value } of meta.getRange({}))
    if (key !== formatKey) watch(meta.put(key, sealed(Buffer.from(key), value)))
  for (const { key, value } of states.getRange({})) {
    const own = Buffer.from(key)
    watch(states.put(own, sealed(own, value)))
  }
}
