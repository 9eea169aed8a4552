/** Values of metadata as text, from stores that have them as such and from others. */

interface Value {
  readonly key: string
  readonly value: Uint8Array
}

interface Text {
  readonly key: string
  readonly text: string
}

export interface ScannedTexts {
  scan(prefix: string): Iterable<Value>
  scanTexts?(prefix: string): Iterable<Text>
}

export function textsOf(store: ScannedTexts, prefix: string): Iterable<Text> {
  return store.scanTexts?.(prefix) ?? asTexts(store.scan(prefix))
}

export function* asTexts(values: Iterable<Value>): Iterable<Text> {
  for (const { key, value } of values) yield { key, text: textOf(value) }
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString()
}
