/** Adds a header to a message without decoding the others. */
import { TABLE_DEPTH_INSIDE_MAX } from '../limits.ts'
import { FieldTable } from '../protocol/field-table.ts'
import { FLAG_CONTENT_ENCODING, FLAG_CONTENT_TYPE, FLAG_HEADERS } from '../protocol/generated/properties.ts'
import { bufferView, Octets, plainView } from '../util/copy.ts'
import { encodeContent } from './content.ts'
import { InboundMessage, propertiesOffset, readContent } from './message.ts'
import type { Segment } from './messages/segment.ts'

/**
 * @param name of the header; replaces an existing header of that name
 * @param field name, type letter and value as they stand on the wire
 */
export function withHeader(segment: Segment, index: number, name: string, field: Buffer): InboundMessage {
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
  const tableBytes = present ? source.readUInt32BE(at) : 0
  const rest = present ? at + 4 : at
  if (present && source.subarray(rest, rest + tableBytes).includes(name))
    return rewritten(segment, index, name, field)
  const added = field.length + (present ? 0 : 4)
  const out = Buffer.allocUnsafe(end - namesStart + added)
  const shift = (position: number): number => position - namesStart
  source.copy(out, 0, namesStart, at)
  out.writeUInt32BE(source.readUInt32BE(contentStart + 4) + added, shift(contentStart + 4))
  out.writeUInt16BE(flags | FLAG_HEADERS, shift(flagsAt))
  out.writeUInt32BE(tableBytes + field.length, shift(at))
  field.copy(out, shift(at) + 4)
  source.copy(out, shift(at) + 4 + field.length, rest, end)
  const m = new InboundMessage()
  m.octets = new Octets(plainView(out))
  m.namesEnd = shift(contentStart)
  m.contentStart = shift(contentStart)
  m.contentEnd = out.length
  m.bodySize = segment.bodySize(index)
  return m
}

function rewritten(segment: Segment, index: number, name: string, field: Buffer): InboundMessage {
  const { exchange, routingKey, properties, body } = readContent(
    segment.bytes as Uint8Array,
    segment.namesStart(index),
    segment.contentStart(index),
    (segment.offsets[index] as number) + segment.entryLength(index),
  )
  const others = (properties.headers ?? FieldTable.empty).without(name)
  const headers = FieldTable.decode(Buffer.concat([field, others.bytes]), TABLE_DEPTH_INSIDE_MAX)
  const m = new InboundMessage()
  encodeContent(exchange, routingKey, { ...properties, headers }, body, m)
  return m
}
