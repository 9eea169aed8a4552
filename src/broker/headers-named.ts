/** Some headers of a message without decoding the others, of which there may be 17,000, for each of very many queues. */
import { fieldsNamed } from '../protocol/field-scan.ts'
import { FieldTable } from '../protocol/field-table.ts'
import { FLAG_CONTENT_ENCODING, FLAG_CONTENT_TYPE, FLAG_HEADERS } from '../protocol/generated/properties.ts'
import { bufferView } from '../util/copy.ts'
import { readU32 } from '../util/octets.ts'
import { type InboundMessage, propertiesOffset } from './message.ts'

/** Octets of the properties of a message from which on it takes long to look at. */
export function propertyOctets({
  source,
  contentStart,
}: Pick<InboundMessage, 'source' | 'contentStart'>): number {
  return readU32(source, contentStart + 4)
}

/** A table of the headers of these names that there are; undefined where there is none of them. */
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
