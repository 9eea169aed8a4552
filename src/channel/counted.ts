/** Messages that have come back, in queues that count that: they go out with x-delivery-count among their headers. */
import { encodeContent } from '../broker/content.ts'
import { Incoming } from '../broker/message.ts'
import { withDeliveryCount } from '../broker/queue/delivery-limit.ts'
import type { Segment } from '../broker/queue/segment.ts'

/** The message as it goes out; undefined where it goes out as it is. */
export function countedMessage(segment: Segment, index: number): Incoming | undefined {
  const count = segment.deliveryCounts?.get(index) ?? 0
  if (count === 0) return undefined
  const content = segment.content(index)
  const properties = { ...content.properties, headers: withDeliveryCount(content, count) }
  const m = new Incoming()
  encodeContent(content.exchange, content.routingKey, properties, content.body, m)
  return m
}
