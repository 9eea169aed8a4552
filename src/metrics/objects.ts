/** Metrics of each queue, exchange and vhost, in the families of RabbitMQ's exporter. */
import type { QueueCounters } from '../broker/counters.ts'
import type { Exchange } from '../broker/exchange/exchange.ts'
import type { Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import { headTimestamp, type QueueNumbers, queueNumbers } from '../management/queue-numbers.ts'
import { now } from '../util/timers.ts'
import type { MetricType } from './text.ts'

/** Name without prefix, type, help, and a function for the value, which is undefined if the object has none. */
export type Metric<T> = readonly [
  name: string,
  type: MetricType,
  help: string,
  value: (object: T) => number | undefined,
]

/** A queue, or the sum over deleted queues. */
export interface CountedQueue {
  readonly counters: QueueCounters
}

/** The labels of the objects of one kind. */
export interface Kind<T> {
  labels(object: T, vhost: string): { readonly [label: string]: string }
}

export interface ObjectFamily<T> {
  /** The name in `/metrics/detailed?family=`. */
  readonly family: string
  readonly metrics: readonly Metric<T>[]
  /** Uses RabbitMQ's prefix for metrics that are the same on every node of a cluster. */
  readonly cluster?: true
  /** Labels in addition to those of the kind. */
  labels?(object: T): { readonly [label: string]: string }
}

export const queueKind: Kind<Queue> = {
  labels: (q, vhost) => ({ vhost, queue: q.name }),
}
export const exchangeKind: Kind<Exchange> = {
  labels: (x, vhost) => ({ vhost, exchange: x.name }),
}
export const vhostKind: Kind<Vhost> = { labels: (v) => ({ vhost: v.name }) }

const last: { queue: Queue | undefined; numbers: QueueNumbers | undefined } = {
  queue: undefined,
  numbers: undefined,
}

/** Returns the numbers of a queue; cached, because it is called many times for one queue. */
function numbers(q: Queue): QueueNumbers {
  if (last.queue !== q || last.numbers === undefined) {
    last.queue = q
    last.numbers = queueNumbers(q)
  }
  return last.numbers
}

/**
 * Drops the cache at the end of a turn, since another answer may start before this one continues, and this one may be
 * abandoned.
 */
export function forgetNumbers(): void {
  last.queue = last.numbers = undefined
}

const ready: Metric<Queue> = [
  'queue_messages_ready',
  'gauge',
  'Messages ready to be delivered to consumers',
  (q) => q.counts.ready,
]
const unacked: Metric<Queue> = [
  'queue_messages_unacked',
  'gauge',
  'Messages delivered to consumers but not yet acknowledged',
  (q) => q.counts.unacked,
]
const depth: Metric<Queue> = [
  'queue_messages',
  'gauge',
  'Sum of ready and unacknowledged messages - total queue depth',
  (q) => q.counts.ready + q.counts.unacked,
]
const consumers: Metric<Queue> = [
  'queue_consumers',
  'gauge',
  'Consumers on a queue',
  (q) => q.counts.consumers,
]

const queueMetrics: readonly Metric<Queue>[] = [
  consumers,
  ['queue_consumer_capacity', 'gauge', 'Consumer capacity', (q) => Math.min(1, q.counts.consumers)],
  [
    'queue_consumer_utilisation',
    'gauge',
    'Same as consumer capacity',
    (q) => Math.min(1, q.counts.consumers),
  ],
  [
    'queue_process_memory_bytes',
    'gauge',
    'Memory in bytes used by the messages of a queue',
    (q) => numbers(q).memory,
  ],
  [
    'queue_messages_ram',
    'gauge',
    'Ready and unacknowledged messages stored in memory',
    (q) => numbers(q).ram,
  ],
  [
    'queue_messages_ram_bytes',
    'gauge',
    'Size of ready and unacknowledged messages stored in memory',
    (q) => numbers(q).ramBytes,
  ],
  ['queue_messages_ready_ram', 'gauge', 'Ready messages stored in memory', (q) => numbers(q).readyRam],
  [
    'queue_messages_unacked_ram',
    'gauge',
    'Unacknowledged messages stored in memory',
    (q) => numbers(q).unackedRam,
  ],
  ['queue_messages_persistent', 'gauge', 'Persistent messages', (q) => numbers(q).persistent],
  [
    'queue_messages_persistent_bytes',
    'gauge',
    'Size in bytes of persistent messages',
    (q) => numbers(q).persistentBytes,
  ],
  [
    'queue_messages_bytes',
    'gauge',
    'Size in bytes of ready and unacknowledged messages',
    (q) => numbers(q).bytes,
  ],
  ['queue_messages_ready_bytes', 'gauge', 'Size in bytes of ready messages', (q) => q.bytes.ready],
  [
    'queue_messages_unacked_bytes',
    'gauge',
    'Size in bytes of all unacknowledged messages',
    (q) => q.bytes.unacked,
  ],
  ['queue_messages_paged_out', 'gauge', 'Messages paged out to disk', (q) => numbers(q).pagedOut],
  [
    'queue_messages_paged_out_bytes',
    'gauge',
    'Size in bytes of messages paged out to disk',
    (q) => numbers(q).pagedOutBytes,
  ],
]

/** Metrics of the first message of a queue, which have no total. */
const headMetrics: readonly Metric<Queue>[] = [
  [
    'queue_head_message_timestamp',
    'gauge',
    'Timestamp of the first message in the queue, if any',
    (q) => headTimestamp(q) ?? undefined,
  ],
  [
    'queue_head_message_age_seconds',
    'gauge',
    'Seconds since the first message came',
    (q) => (q.headArrivedAt === 0 ? 0 : Math.max(0, (now() - q.headArrivedAt) / 1000)),
  ],
]

/** Deliveries by queue. They have no channel label, so rates need no sum over channels that open and close. */
const queueDeliveries: readonly Metric<CountedQueue>[] = [
  [
    'queue_get_ack_total',
    'counter',
    'Total number of messages fetched from a queue with basic.get in manual acknowledgement mode',
    (q) => q.counters.got,
  ],
  [
    'queue_get_total',
    'counter',
    'Total number of messages fetched from a queue with basic.get in automatic acknowledgement mode',
    (q) => q.counters.gotNoAck,
  ],
  [
    'queue_messages_delivered_ack_total',
    'counter',
    'Total number of messages delivered from a queue to consumers in manual acknowledgement mode',
    (q) => q.counters.delivered,
  ],
  [
    'queue_messages_delivered_total',
    'counter',
    'Total number of messages delivered from a queue to consumers in automatic acknowledgement mode',
    (q) => q.counters.deliveredNoAck,
  ],
  [
    'queue_messages_redelivered_total',
    'counter',
    'Total number of messages redelivered from a queue to consumers',
    (q) => q.counters.redelivered,
  ],
  [
    'queue_messages_acked_total',
    'counter',
    'Total number of messages acknowledged by consumers on a queue',
    (q) => q.counters.acknowledged,
  ],
  [
    'queue_get_empty_total',
    'counter',
    'Total number of times basic.get operations fetched no message on a queue',
    (q) => q.counters.gotEmpty,
  ],
]

const queuePublishes: readonly Metric<CountedQueue>[] = [
  [
    'queue_messages_published_total',
    'counter',
    'Total number of messages published into a queue',
    (q) => q.counters.published,
  ],
]

export const queueFamilies: readonly ObjectFamily<Queue>[] = [
  { family: 'queue_coarse_metrics', metrics: [ready, unacked, depth] },
  { family: 'queue_consumer_count', metrics: [consumers] },
  { family: 'queue_metrics', metrics: [...queueMetrics, ...headMetrics] },
  { family: 'queue_delivery_metrics', metrics: queueDeliveries },
  // Per channel and exchange in RabbitMQ; per queue here.
  { family: 'channel_queue_exchange_metrics', metrics: queuePublishes },
]

/** The metrics that are summed up to the totals over all queues. */
export const summedQueueMetrics: readonly Metric<Queue>[] = [ready, unacked, depth, ...queueMetrics]
export const queueCounterMetrics: readonly Metric<CountedQueue>[] = [...queueDeliveries, ...queuePublishes]
/** Metrics without a total. */
export const headMetricNames = headMetrics.map(([name, type, help]) => ({ name, type, help }))

export const exchangeFamilies: readonly ObjectFamily<Exchange>[] = [
  {
    family: 'exchange_metrics',
    metrics: [
      [
        'exchange_messages_published_total',
        'counter',
        'Total number of messages published into an exchange',
        (x) => x.published,
      ],
    ],
  },
  {
    family: 'exchange_bindings',
    cluster: true,
    labels: (x) => ({ type: x.type }),
    metrics: [['exchange_bindings', 'gauge', 'Number of bindings for an exchange.', (x) => x.outgoing]],
  },
  {
    family: 'exchange_names',
    cluster: true,
    labels: (x) => ({ type: x.type }),
    metrics: [['exchange_name', 'gauge', 'Enumerates exchanges without any additional info.', () => 1]],
  },
]

export const vhostFamilies: readonly ObjectFamily<Vhost>[] = [
  {
    family: 'vhost_status',
    cluster: true,
    metrics: [['vhost_status', 'gauge', 'Whether a given vhost is running', () => 1]],
  },
]
