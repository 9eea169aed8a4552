/** Reads metadata as text from any store: from those that provide text, and from those that provide octets. */
import { bufferView } from './copy.ts'

interface Value {
  readonly key: string
  readonly value: Uint8Array
}

/** A value of metadata that is text. */
export interface StoredText {
  readonly key: string
  readonly text: string
}

export interface ScannedTexts {
  scan(prefix: string): Iterable<Value>
  scanTexts?(prefix: string): Iterable<StoredText>
}

export function textsOf(store: ScannedTexts, prefix: string): Iterable<StoredText> {
  return store.scanTexts?.(prefix) ?? asTexts(store.scan(prefix))
}

export function* asTexts(values: Iterable<Value>): Iterable<StoredText> {
  for (const { key, value } of values) yield { key, text: bufferView(value).toString() }
}
