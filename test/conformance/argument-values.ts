/** A value that each x-argument takes and one that it does not; the policies that set the same take and refuse the same. */
import type { PlainValue } from '../../src/protocol/field-table.ts'

export interface Values {
  readonly good: PlainValue
  readonly bad: PlainValue
  /** Arguments without which it is refused. */
  readonly needs?: { readonly [name: string]: PlainValue }
}

const MINUTE = 60_000
const flag: Values = { good: true, bad: 'yes' }
const count: Values = { good: 7, bad: 'seven' }
const time: Values = { good: MINUTE, bad: -1 }
const name: Values = { good: 'name', bad: 5 }
const oneOf = (good: string): Values => ({ good, bad: 'nosuch' })

export const argumentValues: Readonly<Record<string, Values>> = {
  'x-expires': { good: MINUTE, bad: 0 },
  'x-message-ttl': time,
  'x-dead-letter-exchange': name,
  'x-dead-letter-routing-key': { ...name, needs: { 'x-dead-letter-exchange': 'name' } },
  'x-dead-letter-strategy': oneOf('at-most-once'),
  'x-max-length': count,
  'x-max-length-bytes': count,
  'x-max-in-memory-length': count,
  'x-max-in-memory-bytes': count,
  'x-max-priority': { good: 5, bad: 256 },
  'x-overflow': oneOf('drop-head'),
  'x-queue-mode': oneOf('lazy'),
  'x-queue-version': { good: 2, bad: 3 },
  'x-single-active-consumer': flag,
  'x-quorum-initial-group-size': { good: 1, bad: 0 },
  'x-max-age': { good: '7D', bad: '7' },
  'x-stream-max-segment-size-bytes': { good: 1_000_000, bad: 3_000_000_001 },
  'x-stream-filter-size-bytes': { good: 16, bad: 15 },
  'x-initial-cluster-size': { good: 1, bad: 0 },
  'x-queue-leader-locator': oneOf('balanced'),
  'x-queue-master-locator': { good: 'min-masters', bad: 5 },
  'x-delivery-limit': { good: 5, bad: 'five' },
  'x-consumer-timeout': { good: MINUTE, bad: -1 },
  'x-delayed-retry-type': oneOf('all'),
  'x-delayed-retry-min': time,
  'x-delayed-retry-max': time,
  'x-expire-anywhere': flag,
  'x-message-deduplication': flag,
  'x-cache-size': count,
  'x-cache-ttl': { good: MINUTE, bad: 0 },
}
