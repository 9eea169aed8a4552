/** x-delivery-limit: consumers see the number of returns in the header x-delivery-count (behaviour.md section 13). */
import { fieldEntry } from '../../protocol/field-table.ts'
import { withHeaders } from '../add-header.ts'
import type { InboundMessage } from '../message.ts'
import type { Segment } from '../messages/segment.ts'

const COUNT_HEADER = 'x-delivery-count'
const ACQUIRED_HEADER = 'x-acquired-count'

/**
 * A requeued message with the header x-delivery-count, and x-acquired-count if `acquired`; undefined if the message has
 * not been requeued.
 */
export function countedMessage(
  segment: Segment,
  index: number,
  acquired: boolean,
): InboundMessage | undefined {
  const count = segment.deliveryCounts?.get(index) ?? 0
  if (count === 0) return undefined
  const names = acquired ? [COUNT_HEADER, ACQUIRED_HEADER] : [COUNT_HEADER]
  const counts = names.map((n) => fieldEntry(n, { type: 'l', value: BigInt(count) }).bytes)
  return withHeaders(segment, index, names, Buffer.concat(counts), 'last')
}
