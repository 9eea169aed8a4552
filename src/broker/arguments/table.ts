/**
 * All x-arguments of queues: the rule for the value, the queue types that accept the argument, and the equivalent
 * policy key (behaviour.md section 10). Declarations, policies, the HTTP API and the documentation all use this table.
 */
import type { QueueKindName } from '../queue/kinds/kinds.ts'
import {
  ageMs,
  atLeastZero,
  bool,
  integer,
  milliseconds,
  oneOf,
  positive,
  positiveMilliseconds,
  type Rule,
  shortText,
  text,
} from './rules.ts'

/** The policy key with the same effect. */
interface PolicyKey {
  readonly key: string
  /** Name of the setting in error texts: `"x" is not a valid message TTL`. */
  readonly what: string
  /** Whether operator policies may set the key too. */
  readonly operator?: true
}

export interface ArgumentRow {
  readonly name: string
  readonly kinds: readonly QueueKindName[]
  readonly rule: Rule
  readonly policy?: PolicyKey
  /** Any value is accepted in a declaration; as in RabbitMQ, it is read only where the argument has an effect. */
  readonly unchecked?: true
  /** Redeclaring a queue with a different value is not an error. */
  readonly notCompared?: true
  /** Queue types on which the argument has no effect accept it too. */
  readonly takenByAll?: true
  /**
   * Absent from the RabbitMQ release that Leveret announces: documented as an extension, and lost when moving to
   * RabbitMQ.
   */
  readonly extension?: true
}

/** RabbitMQ's maximum for the segment size of a stream, in octets. */
const SEGMENT_BYTES_MAX = 3_000_000_000

const both = ['classic', 'quorum'] as const
const every = ['classic', 'quorum', 'stream'] as const

function policy(key: string, what: string): PolicyKey {
  return { key, what }
}
function operatorPolicy(key: string, what: string): PolicyKey {
  return { key, what, operator: true }
}

/** In the order in which RabbitMQ checks the arguments, so that the error names the same argument as RabbitMQ's. */
export const rows: readonly ArgumentRow[] = [
  {
    name: 'x-expires',
    kinds: both,
    rule: positiveMilliseconds,
    policy: operatorPolicy('expires', 'queue expiry'),
  },
  {
    name: 'x-message-ttl',
    kinds: both,
    rule: milliseconds,
    policy: operatorPolicy('message-ttl', 'message TTL'),
  },
  {
    name: 'x-dead-letter-exchange',
    kinds: both,
    rule: shortText,
    policy: policy('dead-letter-exchange', 'dead letter exchange name'),
  },
  {
    name: 'x-dead-letter-routing-key',
    kinds: both,
    rule: shortText,
    policy: policy('dead-letter-routing-key', 'dead letter routing key'),
  },
  {
    name: 'x-dead-letter-strategy',
    kinds: ['quorum'],
    rule: oneOf(['at-most-once', 'at-least-once'], 'invalid_dlx_strategy'),
    policy: policy('dead-letter-strategy', 'dead letter strategy'),
  },
  {
    name: 'x-max-length',
    kinds: both,
    rule: atLeastZero,
    policy: operatorPolicy('max-length', 'maximum length'),
  },
  {
    name: 'x-max-length-bytes',
    kinds: every,
    rule: atLeastZero,
    policy: operatorPolicy('max-length-bytes', 'maximum length in bytes'),
  },
  {
    name: 'x-max-in-memory-length',
    kinds: ['quorum'],
    rule: atLeastZero,
    policy: operatorPolicy('max-in-memory-length', 'maximum number of messages in memory'),
  },
  {
    name: 'x-max-in-memory-bytes',
    kinds: ['quorum'],
    rule: atLeastZero,
    policy: operatorPolicy('max-in-memory-bytes', 'maximum number of bytes in memory'),
  },
  {
    name: 'x-max-priority',
    kinds: ['classic'],
    rule: integer((n, shown) =>
      n < 0 ? `{value_negative,${shown}}` : n > 255 ? `{max_value_exceeded,${shown}}` : undefined,
    ),
  },
  {
    name: 'x-overflow',
    kinds: both,
    rule: oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'invalid_overflow'),
    policy: operatorPolicy('overflow', 'overflow value'),
  },
  {
    name: 'x-queue-mode',
    kinds: ['classic'],
    rule: oneOf(['default', 'lazy'], `"unsupported queue mode '%s'"`),
    policy: policy('queue-mode', 'queue-mode value'),
  },
  {
    name: 'x-queue-version',
    kinds: ['classic'],
    rule: integer((n, shown) =>
      n < 0
        ? `{value_negative,${shown}}`
        : n !== 1 && n !== 2
          ? `"unsupported queue version '${shown}'"`
          : undefined,
    ),
    policy: operatorPolicy('queue-version', 'queue-version value'),
  },
  { name: 'x-single-active-consumer', kinds: both, rule: bool },
  { name: 'x-quorum-initial-group-size', kinds: ['quorum'], rule: positive },
  {
    name: 'x-max-age',
    kinds: ['stream'],
    rule: (v, all) => text(v, all) ?? (ageMs(String(v.value)) ? undefined : 'invalid_max_age'),
    policy: policy('max-age', 'max age'),
  },
  {
    name: 'x-stream-max-segment-size-bytes',
    kinds: ['stream'],
    rule: integer((n, shown) =>
      n < 0 ? `{value_negative,${shown}}` : n > SEGMENT_BYTES_MAX ? `{value_too_large,${shown}}` : undefined,
    ),
    policy: policy('stream-max-segment-size-bytes', 'segment size'),
  },
  {
    name: 'x-stream-filter-size-bytes',
    kinds: ['stream'],
    rule: integer((n, shown) => (n < 16 || n > 255 ? `{value_out_of_range,${shown}}` : undefined)),
    notCompared: true,
    takenByAll: true,
  },
  { name: 'x-initial-cluster-size', kinds: ['stream'], rule: positive },
  {
    name: 'x-queue-leader-locator',
    kinds: every,
    rule: oneOf(['client-local', 'balanced', 'random', 'least-leaders'], 'invalid_queue_locator_arg'),
    policy: policy('queue-leader-locator', 'queue leader locator value'),
  },
  {
    name: 'x-queue-master-locator',
    kinds: ['classic'],
    rule: text,
    unchecked: true,
    policy: operatorPolicy('queue-master-locator', 'queue master locator value'),
  },
  // RabbitMQ supports this on quorum queues only; on classic queues it is an extension that its users have asked for.
  {
    name: 'x-delivery-limit',
    kinds: both,
    rule: integer(() => undefined),
    unchecked: true,
    policy: operatorPolicy('delivery-limit', 'delivery limit'),
  },
  {
    name: 'x-consumer-timeout',
    kinds: every,
    rule: atLeastZero,
    unchecked: true,
    notCompared: true,
    policy: policy('consumer-timeout', 'consumer timeout'),
  },
  // Back-off between redeliveries (in RabbitMQ from 4.3 on, for quorum queues).
  {
    name: 'x-delayed-retry-type',
    extension: true,
    kinds: both,
    rule: oneOf(['all', 'failed', 'returned', 'disabled'], 'invalid_delayed_retry_type'),
    policy: policy('delayed-retry-type', 'delayed retry type'),
  },
  {
    name: 'x-delayed-retry-min',
    extension: true,
    kinds: both,
    rule: milliseconds,
    policy: policy('delayed-retry-min', 'delayed retry minimum'),
  },
  {
    name: 'x-delayed-retry-max',
    extension: true,
    kinds: both,
    rule: milliseconds,
    policy: policy('delayed-retry-max', 'delayed retry maximum'),
  },
  // Messages expire at any position in the queue, not only at its head.
  {
    name: 'x-expire-anywhere',
    extension: true,
    kinds: both,
    rule: bool,
    policy: policy('expire-anywhere', 'expire-anywhere value'),
  },
  { name: 'x-message-deduplication', extension: true, kinds: both, rule: bool },
  { name: 'x-cache-size', extension: true, kinds: both, rule: positive },
  { name: 'x-cache-ttl', extension: true, kinds: both, rule: positiveMilliseconds },
]
