import { sealed } from './keys.ts'
import { watch } from './parts.ts'

interface Entries<Key> {
  getRange(options: object): Iterable<{ key: Key; value: Buffer }>
  put(key: Key, value: Buffer): Promise<boolean>
}

/**
 * Converts format 1, which has no checksums: adds them to states and metadata in one transaction; records stay as they
 * are.
 * @param formatKey key of the value that has no checksum
 */
export function sealAll(meta: Entries<string>, states: Entries<Buffer>, formatKey: string): void {
  for (const { key, value } of meta.getRange({}))
    if (key !== formatKey) watch(meta.put(key, sealed(Buffer.from(key), value)))
  for (const { key, value } of states.getRange({})) {
    const own = Buffer.from(key)
    watch(states.put(own, sealed(own, value)))
  }
}
