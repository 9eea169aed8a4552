/** Reads some headers of a message without decoding the others: there may be 17,000, and very many queues read them. */
import { fieldsNamed } from '../protocol/field-scan.ts'
import { FieldTable } from '../protocol/field-table.ts'
import { FLAG_CONTENT_ENCODING, FLAG_CONTENT_TYPE, FLAG_HEADERS } from '../protocol/generated/properties.ts'
import { bufferView } from '../util/copy.ts'
import { readU32 } from '../util/octets.ts'
import { type InboundMessage, propertiesOffset } from './message.ts'

/** Length of a message's property list in octets: large ones take long to scan. */
export function propertyOctets({
  source,
  contentStart,
}: Pick<InboundMessage, 'source' | 'contentStart'>): number {
  return readU32(source, contentStart + 4)
}

/** A table with those of the named headers that the message has; undefined if it has none of them. */
export function headersNamed(m: InboundMessage, ...names: readonly string[]): FieldTable | undefined {
  const b = m.source
  const flagsAt = propertiesOffset(m.contentStart)
  const flags = ((b[flagsAt] as number) << 8) | (b[flagsAt + 1] as number)
  if ((flags & FLAG_HEADERS) === 0) return undefined
  let at = flagsAt + 2
  if (flags & FLAG_CONTENT_TYPE) at += 1 + (b[at] as number)
  if (flags & FLAG_CONTENT_ENCODING) at += 1 + (b[at] as number)
  const found = fieldsNamed(bufferView(b), at + 4, at + 4 + readU32(b, at), names)
  return found.length === 0 ? undefined : FieldTable.decode(Buffer.concat(found), Number.POSITIVE_INFINITY)
}
