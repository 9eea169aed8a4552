/** Encodes messages that the broker publishes itself or has to rewrite. */
import { TABLE_DEPTH_INSIDE_MAX } from '../limits.ts'
import { FrameWriter } from '../protocol/frame-writer.ts'
import { encodeProperties, type Properties } from '../protocol/generated/properties.ts'
import { EncodeError } from '../util/octet-text.ts'
import { ContentBuilder, encodeNames, type InboundMessage } from './message.ts'

const PERSISTENT = 2

/**
 * Fills `m` with a message that has its own memory. The expiration property is not evaluated: `m.ttl` stays as it is.
 * @throws RangeError if a value cannot be encoded, or could not be decoded again
 */
export function encodeContent(
  exchange: string,
  routingKey: string,
  properties: Properties,
  body: Uint8Array,
  m: InboundMessage,
): void {
  if (properties.headers !== undefined && properties.headers.depth > TABLE_DEPTH_INSIDE_MAX)
    throw new EncodeError(`headers nested deeper than ${TABLE_DEPTH_INSIDE_MAX}`)
  const w = new FrameWriter()
  encodeProperties(w, properties)
  const builder = new ContentBuilder(encodeNames(exchange, routingKey), w.view(), body.length)
  builder.add(body)
  builder.fill(m)
  m.persistent = properties.deliveryMode === PERSISTENT
  m.priority = properties.priority ?? 0
}
