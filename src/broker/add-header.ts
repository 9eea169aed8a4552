/** Adds headers to a message without decoding its existing headers, of which there may be 17,000. */
import { fieldsWithout } from '../protocol/field-scan.ts'
import { FLAG_CONTENT_ENCODING, FLAG_CONTENT_TYPE, FLAG_HEADERS } from '../protocol/generated/properties.ts'
import { bufferView, Octets, plainView } from '../util/copy.ts'
import { InboundMessage, propertiesOffset } from './message.ts'
import type { Segment } from './messages/segment.ts'

/**
 * Returns a copy of a message with additional headers; existing headers of the same names are removed.
 * @param fields name, type letter and value of each new header in wire format
 * @param where to insert them: before or after the existing headers
 */
export function withHeaders(
  segment: Segment,
  index: number,
  names: readonly string[],
  fields: Buffer,
  where: 'first' | 'last',
): InboundMessage {
  const source = bufferView(segment.bytes as Uint8Array)
  const namesStart = segment.namesStart(index)
  const contentStart = segment.contentStart(index)
  const end = (segment.offsets[index] as number) + segment.entryLength(index)
  const flagsAt = propertiesOffset(contentStart)
  const flags = source.readUInt16BE(flagsAt)
  let at = flagsAt + 2
  if (flags & FLAG_CONTENT_TYPE) at += 1 + (source[at] as number)
  if (flags & FLAG_CONTENT_ENCODING) at += 1 + (source[at] as number)
  const present = (flags & FLAG_HEADERS) !== 0
  const tableEnd = present ? at + 4 + source.readUInt32BE(at) : at
  const others = present ? fieldsWithout(source, at + 4, tableEnd, names) : []
  const table = where === 'first' ? [fields, ...others] : [...others, fields]
  const size = Buffer.alloc(4)
  size.writeUInt32BE(table.reduce((sum, piece) => sum + piece.length, 0))
  const out = Buffer.concat([source.subarray(namesStart, at), size, ...table, source.subarray(tableEnd, end)])
  const added = out.length - (end - namesStart)
  out.writeUInt32BE(source.readUInt32BE(contentStart + 4) + added, contentStart + 4 - namesStart)
  out.writeUInt16BE(flags | FLAG_HEADERS, flagsAt - namesStart)
  const m = new InboundMessage()
  m.octets = new Octets(plainView(out))
  m.namesEnd = contentStart - namesStart
  m.contentStart = m.namesEnd
  m.contentEnd = out.length
  m.bodySize = segment.bodySize(index)
  return m
}
