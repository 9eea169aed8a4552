/** A database of very many values that are read without memory of their own for each, which LMDB would make for them. */
import type { StoredText } from '../../util/stored-texts.ts'
import type { DamageList } from './damage.ts'
import { unsealed } from './keys.ts'

/** A value is a view of memory that is reused for whatever is read next. */
const viewed = {
  encode: (value: Buffer): Buffer => value,
  // Its `length` is that of the value; as a typed array it is as long as the shared memory.
  decode: (shared: Buffer): Buffer => Buffer.from(shared.buffer, shared.byteOffset, shared.length),
}

/** The options of a database of that name whose values are such views; the types of LMDB leave out `encoder`. */
export function viewing(name: string): { name: string; encoding: 'binary'; encoder: typeof viewed } {
  return { name, encoding: 'binary', encoder: viewed }
}

interface Values {
  getRange(options: { start: string }): Iterable<{ key: string; value: Buffer }>
}

export function copied(key: string, view: Buffer): { key: string; value: Buffer } {
  return { key, value: Buffer.from(view) }
}

export function asText(key: string, view: Buffer): StoredText {
  return { key, text: view.toString() }
}

/**
 * Those that are whole, without their checksums.
 * @param plainKey of the value that has none
 * @param take from a view, which is good until the next value
 */
export function* wholeValues<T>(
  values: Values,
  prefix: string,
  plainKey: string,
  damage: DamageList,
  take: (key: string, view: Buffer) => T,
): Iterable<T> {
  for (const { key, value } of values.getRange({ start: prefix })) {
    if (!key.startsWith(prefix)) return
    const whole = key === plainKey ? value : unsealed(key, value)
    if (whole === undefined) damage.found({ kind: 'metadata', key }, value)
    else yield take(key, whole)
  }
}
