/**
 * The changes of a shovel to a message: properties that it sets, headers that it adds. Everything else keeps its
 * octets.
 */
import { type FieldEntry, FieldTable, type FieldValue, fieldEntry } from '../protocol/field-table.ts'
import { FrameWriter } from '../protocol/frame-writer.ts'
import { decodeProperties, encodeProperties, type Properties } from '../protocol/generated/properties.ts'
import { textOctets } from '../util/octet-text.ts'

export const SHOVELLED = 'x-shovelled'
const TIMESTAMP = 'x-shovelled-timestamp'
/** The offset in the source stream, which has no meaning elsewhere. */
export const STREAM_OFFSET = 'x-stream-offset'

export interface Changes {
  readonly properties: Properties
  /** An entry to prepend to `x-shovelled`; undefined = none. */
  readonly forwarded: FieldTable | undefined
  /** In seconds since 1970; undefined = none. */
  readonly timestamp: number | undefined
  readonly withoutOffset: boolean
}

/**
 * @param raw encoded flags and properties as received
 * @throws AmqpError if they are malformed
 */
export function changedProperties(
  raw: Buffer,
  { properties, forwarded, timestamp, withoutOffset }: Changes,
): Buffer {
  const own = decodeProperties(raw.readUInt16BE(0), raw, 2, raw.length)
  const set = Object.fromEntries(Object.entries(properties).filter(([, v]) => v !== undefined)) as Properties
  let headers = set.headers ?? own.headers ?? FieldTable.empty
  if (withoutOffset) headers = headers.without(STREAM_OFFSET)
  if (forwarded !== undefined) headers = withForwarded(headers, forwarded)
  if (timestamp !== undefined)
    headers = withHeader(headers, fieldEntry(TIMESTAMP, { type: 'l', value: BigInt(timestamp) }))
  const isThere = headers.entries.length > 0 || (own.headers !== undefined && !withoutOffset)
  const w = new FrameWriter(raw.length + 512)
  encodeProperties(w, { ...own, ...set, headers: isThere ? headers : undefined })
  return w.view()
}

function withHeader(headers: FieldTable, entry: FieldEntry): FieldTable {
  return FieldTable.of([entry, ...headers.without(entry.name).entries])
}

function withForwarded(headers: FieldTable, forwarded: FieldTable): FieldTable {
  const before = headers.get(SHOVELLED)
  const rest: FieldValue[] = before?.type === 'A' ? before.value : []
  const value: FieldValue = { type: 'A', value: [{ type: 'F', value: forwarded }, ...rest] }
  return withHeader(headers, fieldEntry(SHOVELLED, value))
}

/** All values as strings, as in RabbitMQ. */
export function textTable(fields: Readonly<Record<string, string | undefined>>): FieldTable {
  return FieldTable.of(
    Object.entries(fields).flatMap(([name, v]) =>
      v === undefined ? [] : [fieldEntry(name, { type: 'S', value: textOctets(v) })],
    ),
  )
}
