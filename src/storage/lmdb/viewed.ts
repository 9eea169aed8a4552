/** A database of very many values, which are read without a buffer for each, as lmdb-js would allocate. */
import type { StoredText } from '../../util/stored-texts.ts'
import type { DamageList } from './damage.ts'
import { wholeLength } from './keys.ts'

/** Decodes a value as a view of memory that is reused for the next read. */
const viewed = {
  encode: (value: Buffer): Buffer => value,
  // Its `length` is that of the value; as a typed array it is as long as the shared memory.
  decode: (shared: Buffer): Buffer => Buffer.from(shared.buffer, shared.byteOffset, shared.length),
}

/** Options of a database with that name whose values are such views; the types of lmdb-js lack `encoder`. */
export function viewing(name: string): { name: string; encoding: 'binary'; encoder: typeof viewed } {
  return { name, encoding: 'binary', encoder: viewed }
}

interface Values {
  getRange(options: { start: string }): Iterable<{ key: string; value: Buffer }>
}

export function copied(key: string, view: Buffer, length: number): { key: string; value: Buffer } {
  return { key, value: Buffer.from(view.subarray(0, length)) }
}

export function asText(key: string, view: Buffer, length: number): StoredText {
  return { key, text: view.toString('utf8', 0, length) }
}

/**
 * Yields the undamaged values under the prefix, without their checksums.
 * @param plainKey key of the value that has no checksum
 * @param take makes a result from the first octets of a view, which is valid until the next value
 */
export function* wholeValues<T>(
  values: Values,
  prefix: string,
  plainKey: string,
  damage: DamageList,
  take: (key: string, view: Buffer, length: number) => T,
): Iterable<T> {
  for (const { key, value } of values.getRange({ start: prefix })) {
    if (!key.startsWith(prefix)) return
    const length = key === plainKey ? value.length : wholeLength(key, value)
    if (length < 0) damage.found({ kind: 'metadata', key }, value)
    else yield take(key, value, length)
  }
}
