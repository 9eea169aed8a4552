/**
 * Metrics of the broker as a whole, by RabbitMQ's names (behaviour.md section 20), so that RabbitMQ's dashboards work.
 */

import type { Broker } from '../broker/broker.ts'
import {
  ChannelCounters,
  messageSizeBounds,
  nothingCounted,
  QueueCounters,
  type queueCounterNames,
} from '../broker/counters.ts'
import type { Exchange } from '../broker/exchange/exchange.ts'
import { ownerKinds } from '../broker/failures.ts'
import { ofNow } from '../broker/jobs.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Channel } from '../channel/channel.ts'
import type { Connection } from '../connection/connection.ts'
import type { ManagedBroker, ManagedNode } from '../management/managed-node.ts'
import { clusterId, totals } from '../management/node.ts'
import { nextTurn } from '../util/timers.ts'
import { version } from '../util/version.ts'
import { channelCounterMetrics, channelFamilies, connectionFamilies } from './clients.ts'
import { nodeFamilies, runtimeFamilies, stateFamilies } from './node.ts'
import {
  exchangeFamilies,
  headMetricNames,
  type Metric,
  queueCounterMetrics,
  summedQueueMetrics,
} from './objects.ts'
import { sums } from './sums.ts'
import { type Family, family, labels } from './text.ts'

/** The endpoint that serves the metrics: a label by which dashboards filter. */
export type Endpoint = 'aggregated' | 'per-object' | 'detailed'

/** The node and its version, included in every answer. */
export function identityFamilies(
  { nodeName }: ManagedNode,
  { model }: ManagedBroker,
  endpoint: Endpoint,
): Family[] {
  const { version: rabbitmq, product, clusterName } = model.identity
  const build = {
    rabbitmq_version: rabbitmq,
    prometheus_plugin_version: rabbitmq,
    prometheus_client_version: version,
    erlang_version: '0',
    product_name: product,
    product_version: rabbitmq,
    leveret_version: version,
  }
  const who = {
    rabbitmq_node: nodeName,
    rabbitmq_cluster: clusterName,
    rabbitmq_cluster_permanent_id: clusterId(model),
    rabbitmq_endpoint: endpoint,
  }
  return [
    family('rabbitmq_build_info', 'untyped', 'RabbitMQ & Erlang/OTP version info', 1, build),
    family('rabbitmq_identity_info', 'untyped', 'RabbitMQ node & cluster identity info', 1, who),
  ]
}

/** Metrics that do not belong to one object, without the families of the node. */
export function wholeFamilies(
  active: ManagedBroker,
  counters: ReadonlyMap<string, QueueCounters> = queueCounters(active),
): Family[] {
  const t = totals(active)
  const one = (name: string, help: string, value: number): Family =>
    family(`rabbitmq_${name}`, 'gauge', help, value)
  return [
    one('connections', 'Connections currently open', active.server.connections.size),
    one('channels', 'Channels currently open', t.channels),
    one('consumers', 'Consumers currently connected', t.consumers),
    one('queues', 'Queues available', t.queues),
    ...messages(active, t.consumers, counters),
    messageSizes(active),
    ...faults(active),
  ]
}

/** The answer of `/metrics`: totals over all objects, computed in pieces. */
export async function aggregatedFamilies(node: ManagedNode): Promise<Family[]> {
  const { active } = node
  const own = [
    ...Object.values(nodeFamilies(node)).flatMap((family) => family()),
    ...stateFamilies(node),
    ...runtimeFamilies(),
  ]
  if (active === undefined) return own
  await nextTurn()
  active.model.broker.turn.pumpNow()
  const counters = queueCounters(active)
  const all = new QueueCounters()
  for (const ofKind of counters.values()) all.add(ofKind)
  return [
    ...identityFamilies(node, active, 'aggregated'),
    ...own,
    ...wholeFamilies(active, counters),
    ...(await queueSums(active, all)),
    ...(await clientSums(active, all)),
    ...(await exchangeSum(active)),
  ]
}

async function queueSums({ model: { broker } }: ManagedBroker, counters: QueueCounters): Promise<Family[]> {
  return [
    ...(await sums(
      summedQueueMetrics,
      inVhosts(broker, (v) => v.queues),
    )),
    ...(await sums(queueCounterMetrics, [{ counters }])),
    // Sums would be meaningless: as in RabbitMQ, these metrics are listed without a value.
    ...headMetricNames.map(({ name, type, help }) => ({ name: `rabbitmq_${name}`, type, help, samples: [] })),
  ]
}

/** Iterates over the objects that exist now: clients could add others faster than they are read. */
function* inVhosts<T>({ vhosts }: Broker, of: (v: Vhost) => ReadonlyMap<string, T>): Iterable<T> {
  for (const v of ofNow(vhosts)) yield* ofNow(of(v))
}

/** Totals over channels. They do not shrink when channels close, because queues and the broker count them. */
async function clientSums(
  { server, model: { broker } }: ManagedBroker,
  ofQueues: QueueCounters,
): Promise<Family[]> {
  const connections = [...server.connections]
  const { received, confirmed, unroutableReturned, unroutableDropped } = broker.counters
  const counters = new ChannelCounters()
  counters.add(ofQueues)
  counters.published = received
  counters.confirmed = confirmed
  counters.returned = unroutableReturned
  counters.dropped = unroutableDropped
  const ofChannels = channelFamilies.filter((f) => f.family === 'channel_metrics').flatMap((f) => f.metrics)
  const ofConnections = connectionFamilies.flatMap((f) => f.metrics)
  return [
    ...(await sums(ofConnections, connections)),
    ...(await sums(ofChannels, eachChannel(connections))),
    ...(await sums(channelCounterMetrics, [{ counters }])),
  ]
}

function* eachChannel(connections: readonly Connection[]): Iterable<Channel> {
  for (const c of connections) yield* c.channels
}

async function exchangeSum({ model: { broker } }: ManagedBroker): Promise<Family[]> {
  const [published] = exchangeFamilies.flatMap((f) => f.metrics)
  return await sums(
    [published as Metric<Exchange>],
    inVhosts(broker, (v) => v.exchanges),
  )
}

const kinds = ['classic', 'quorum', 'stream'] as const

/**
 * Counters of existing and deleted queues by type. Summed up in one turn: a queue deleted in between would be counted
 * twice.
 */
function queueCounters({ model: { broker } }: ManagedBroker): ReadonlyMap<string, QueueCounters> {
  const out = new Map<string, QueueCounters>(kinds.map((kind) => [kind, new QueueCounters()]))
  for (const [kind, gone] of broker.counters.goneKinds) out.get(kind)?.add(gone)
  for (const v of broker.vhosts.values())
    for (const q of v.queues.values())
      if (q.counters !== nothingCounted) out.get(q.kind.name)?.add(q.counters)
  return out
}

function messages(
  { model, server }: ManagedBroker,
  consumers: number,
  ofQueues: ReadonlyMap<string, QueueCounters>,
): Family[] {
  const { counters } = model.broker
  let publishers = 0
  for (const c of server.connections) for (const ch of c.channels) if (ch.counters.published > 0) publishers++
  const protocol = { protocol: 'amqp091' }
  const global = (name: string, help: string, value: number, type: Family['type'] = 'counter'): Family =>
    family(`rabbitmq_global_${name}`, type, help, value, protocol)
  const dead = (name: string, help: string, value: number): Family =>
    family(`rabbitmq_global_messages_dead_lettered_${name}_total`, 'counter', help, value, {
      queue_type: 'all',
      dead_letter_strategy: 'all',
    })
  const died = 'Total number of messages dead-lettered due to'
  return [
    global('messages_received_total', 'Total number of messages received from publishers', counters.received),
    global(
      'messages_received_confirm_total',
      'Total number of messages received from publishers expecting confirmations',
      counters.receivedConfirm,
    ),
    global(
      'messages_confirmed_total',
      'Total number of messages confirmed to publishers',
      counters.confirmed,
    ),
    global('messages_routed_total', 'Total number of messages routed to queues or streams', counters.routed),
    global(
      'messages_unroutable_returned_total',
      'Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable',
      counters.unroutableReturned,
    ),
    global(
      'messages_unroutable_dropped_total',
      'Total number of messages published as non-mandatory into an exchange and dropped as unroutable',
      counters.unroutableDropped,
    ),
    global('publishers', 'Current number of publishers', publishers, 'gauge'),
    global('consumers', 'Current number of consumers', consumers, 'gauge'),
    ...deliveries(ofQueues),
    dead('rejected', `${died} basic.reject or basic.nack`, counters.deadLetteredRejected),
    dead('expired', `${died} message TTL exceeded`, counters.deadLetteredExpired),
    dead('maxlen', `${died} overflow drop-head or reject-publish-dlx`, counters.deadLetteredMaxlen),
    dead('delivery_limit', `${died} delivery-limit exceeded`, counters.deadLetteredDeliveryLimit),
  ]
}

const deliveryTable: readonly (readonly [
  name: string,
  help: string,
  parts: readonly (typeof queueCounterNames)[number][],
])[] = [
  ['delivered', 'delivered to consumers', ['delivered', 'deliveredNoAck', 'got', 'gotNoAck']],
  [
    'delivered_consume_manual_ack',
    'delivered to consumers using basic.consume with manual acknowledgment',
    ['delivered'],
  ],
  [
    'delivered_consume_auto_ack',
    'delivered to consumers using basic.consume with automatic acknowledgment',
    ['deliveredNoAck'],
  ],
  ['delivered_get_manual_ack', 'delivered to consumers using basic.get with manual acknowledgment', ['got']],
  [
    'delivered_get_auto_ack',
    'delivered to consumers using basic.get with automatic acknowledgment',
    ['gotNoAck'],
  ],
  ['get_empty', 'of basic.get operations that fetched no message', ['gotEmpty']],
  ['redelivered', 'redelivered to consumers', ['redelivered']],
  ['acknowledged', 'acknowledged by consumers', ['acknowledged']],
]

function deliveries(ofQueues: ReadonlyMap<string, QueueCounters>): Family[] {
  const byKind = Array.from(ofQueues, ([kind, counters]) => ({
    labels: labels({ protocol: 'amqp091', queue_type: `rabbit_${kind}_queue` }),
    counters,
  }))
  return deliveryTable.map(([name, help, parts]) => ({
    name: `rabbitmq_global_messages_${name}_total`,
    type: 'counter',
    help: `Total number of messages ${help}`.replace('messages of', 'times'),
    samples: byKind.map(({ labels: l, counters }) => ({
      labels: l,
      value: parts.reduce((n, part) => n + counters[part], 0),
    })),
  }))
}

function messageSizes({ model }: ManagedBroker): Family {
  const { counts, octets } = model.broker.counters.sizes
  const protocol = 'amqp091'
  let all = 0
  const buckets = Array.from(counts, (n, i) => {
    all += n
    const le = String(messageSizeBounds[i] ?? '+Inf')
    return { suffix: '_bucket', labels: labels({ protocol, le }), value: all }
  })
  return {
    name: 'rabbitmq_message_size_bytes',
    type: 'histogram',
    help: 'Size of messages received from publishers',
    samples: [
      ...buckets,
      { suffix: '_count', labels: labels({ protocol }), value: all },
      { suffix: '_sum', labels: labels({ protocol }), value: octets },
    ],
  }
}

/** Numbers that should be 0; RabbitMQ has no names for them. */
function faults({ model: { broker } }: ManagedBroker): Family[] {
  let parked = broker.delays.aside.size
  for (const v of broker.vhosts.values()) for (const q of v.queues.values()) parked += q.aside.size
  return [
    family('leveret_messages_parked', 'gauge', 'Messages that cannot be handled and were set aside', parked),
    family(
      'leveret_objects_quarantined',
      'gauge',
      'Stored objects that could not be read or used at the start',
      broker.objects.quarantined.length,
    ),
    {
      name: 'leveret_failures_total',
      type: 'counter',
      help: 'Failures that should not happen, by the kind of their owner',
      samples: ownerKinds.map((kind) => ({
        labels: labels({ owner: kind }),
        value: broker.failures.counts[kind],
      })),
    },
  ]
}
