/** Recognises definitions that have been imported before. */
import { createHash } from 'node:crypto'

/** RabbitMQ's name for the global parameter with the hash of the last import. */
export const IMPORTED_HASH = 'imported_definition_hash_value'

/** Hashes the contents of definitions files, byte for byte. */
export function definitionsHash(texts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(text).update('\0')
  return hash.digest('base64')
}
