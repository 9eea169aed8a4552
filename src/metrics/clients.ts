/** Metrics of each connection and channel, in the families of RabbitMQ's exporter. */
import type { ChannelCounters } from '../broker/counters.ts'
import type { Channel } from '../channel/channel.ts'
import type { Connection } from '../connection/connection.ts'
import { channelName } from '../management/describe.ts'
import type { Kind, Metric, ObjectFamily } from './objects.ts'

/** A channel, or the sum over all channels that have existed. */
export interface CountedChannel {
  readonly counters: ChannelCounters
}

export const connectionKind: Kind<Connection> = {
  labels: (c) => ({ connection: c.name }),
}
export const channelKind: Kind<Channel> = {
  labels: (ch) => ({ channel: channelName(ch) }),
}
export const connectionFamilies: readonly ObjectFamily<Connection>[] = [
  {
    family: 'connection_coarse_metrics',
    metrics: [
      [
        'connection_incoming_bytes_total',
        'counter',
        'Total number of bytes received on a connection',
        (c) => c.octetsReceived,
      ],
      [
        'connection_outgoing_bytes_total',
        'counter',
        'Total number of bytes sent on a connection',
        (c) => c.octetsSent,
      ],
    ],
  },
  {
    family: 'connection_metrics',
    metrics: [
      [
        'connection_incoming_packets_total',
        'counter',
        'Total number of packets received on a connection',
        (c) => c.intake.chunks,
      ],
      [
        'connection_outgoing_packets_total',
        'counter',
        'Total number of packets sent on a connection',
        (c) => c.output.writes,
      ],
      [
        'connection_pending_packets',
        'gauge',
        'Number of bytes waiting to be sent on a connection',
        (c) => c.output.waiting,
      ],
      ['connection_channels', 'gauge', 'Channels on a connection', (c) => c.channels.size],
    ],
  },
]

/** Metrics without a total: a sum over open channels would shrink when clients leave. Totals are counted elsewhere. */
const channelPublishes: readonly Metric<CountedChannel>[] = [
  [
    'channel_messages_published_total',
    'counter',
    'Total number of messages published into an exchange on a channel',
    (ch) => ch.counters.published,
  ],
  [
    'channel_messages_confirmed_total',
    'counter',
    'Total number of messages published into an exchange and confirmed on the channel',
    (ch) => ch.counters.confirmed,
  ],
  [
    'channel_messages_unroutable_returned_total',
    'counter',
    'Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable',
    (ch) => ch.counters.returned,
  ],
  [
    'channel_messages_unroutable_dropped_total',
    'counter',
    'Total number of messages published as non-mandatory into an exchange and dropped as unroutable',
    (ch) => ch.counters.dropped,
  ],
]
const channelDeliveries: readonly Metric<CountedChannel>[] = [
  [
    'channel_get_ack_total',
    'counter',
    'Total number of messages fetched with basic.get in manual acknowledgement mode',
    (ch) => ch.counters.got,
  ],
  [
    'channel_get_total',
    'counter',
    'Total number of messages fetched with basic.get in automatic acknowledgement mode',
    (ch) => ch.counters.gotNoAck,
  ],
  [
    'channel_messages_delivered_ack_total',
    'counter',
    'Total number of messages delivered to consumers in manual acknowledgement mode',
    (ch) => ch.counters.delivered,
  ],
  [
    'channel_messages_delivered_total',
    'counter',
    'Total number of messages delivered to consumers in automatic acknowledgement mode',
    (ch) => ch.counters.deliveredNoAck,
  ],
  [
    'channel_messages_redelivered_total',
    'counter',
    'Total number of messages redelivered to consumers',
    (ch) => ch.counters.redelivered,
  ],
  [
    'channel_messages_acked_total',
    'counter',
    'Total number of messages acknowledged by consumers',
    (ch) => ch.counters.acknowledged,
  ],
  [
    'channel_get_empty_total',
    'counter',
    'Total number of times basic.get operations fetched no message',
    (ch) => ch.counters.gotEmpty,
  ],
]
export const channelCounterMetrics: readonly Metric<CountedChannel>[] = [
  ...channelPublishes,
  ...channelDeliveries,
]

export const channelFamilies: readonly ObjectFamily<Channel>[] = [
  {
    family: 'channel_metrics',
    metrics: [
      ['channel_consumers', 'gauge', 'Consumers on a channel', (ch) => ch.consumers.size],
      [
        'channel_messages_unacked',
        'gauge',
        'Delivered but not yet acknowledged messages',
        (ch) => ch.unsettled.count,
      ],
      [
        'channel_messages_unconfirmed',
        'gauge',
        'Published but not yet confirmed messages',
        (ch) => ch.confirms?.open ?? 0,
      ],
      [
        'channel_messages_uncommitted',
        'gauge',
        'Messages received in a transaction but not yet committed',
        (ch) => ch.transaction?.publishes.length ?? 0,
      ],
      [
        'channel_acks_uncommitted',
        'gauge',
        'Message acknowledgements in a transaction not yet committed',
        (ch) => ch.transaction?.settles.length ?? 0,
      ],
      [
        'consumer_prefetch',
        'gauge',
        'Limit of unacknowledged messages for each consumer',
        (ch) => ch.prefetch,
      ],
      [
        'channel_prefetch',
        'gauge',
        'Limit of unacknowledged messages for all consumers on a channel',
        (ch) => ch.sharedPrefetch,
      ],
    ],
  },
  { family: 'channel_exchange_metrics', metrics: channelPublishes },
  { family: 'channel_queue_metrics', metrics: channelDeliveries },
]
