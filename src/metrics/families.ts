/** What is measured, by RabbitMQ's names (behaviour.md section 20), so that its dashboards show data. */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { QueueCounters } from '../broker/counters.ts'
import { ownerKinds } from '../broker/failures.ts'
import type { Queue } from '../broker/queue/queue.ts'
import type { ManagedBroker, ManagedNode } from '../management/managed-node.ts'
import { FILES_MAX, memoryLimit, totals } from '../management/node.ts'
import { openFiles } from '../management/node-numbers.ts'
import { heapMemory, residentMemory } from '../util/process-memory.ts'
import { now } from '../util/timers.ts'
import { version } from '../util/version.ts'
import { clusterFamilies } from './cluster.ts'
import { type Family, labels } from './family.ts'

const delay = monitorEventLoopDelay({ resolution: 20 })
delay.enable()

function one(name: string, type: Family['type'], value: number, help = name): Family {
  return { name: `rabbitmq_${name}`, type, help, samples: [{ value }] }
}

/** Of the process, and of the broker as a whole where there is one. */
export function nodeFamilies(node: ManagedNode): Family[] {
  const { active } = node
  if (active === undefined) return [...process_(node), ...clusterFamilies(node), ...runtime()]
  return [
    ...identity(node, active),
    ...process_(node),
    ...objects(active),
    ...messages(active),
    ...faults(active),
    ...clusterFamilies(node),
    ...runtime(),
  ]
}

function identity({ nodeName }: ManagedNode, { model }: ManagedBroker): Family[] {
  const { version: rabbitmq, product, clusterName } = model.identity
  const build = { rabbitmq_version: rabbitmq, prometheus_client_version: version, erlang_version: '0' }
  const who = {
    rabbitmq_node: nodeName,
    rabbitmq_cluster: clusterName,
    rabbitmq_cluster_permanent_id: clusterName,
  }
  const info = (name: string, l: Record<string, string>): Family => ({
    name: `rabbitmq_${name}`,
    type: 'gauge',
    help: name,
    samples: [{ labels: labels(l), value: 1 }],
  })
  return [
    info('build_info', {
      ...build,
      product_name: product,
      product_version: rabbitmq,
      leveret_version: version,
    }),
    info('identity_info', who),
  ]
}

function process_(node: ManagedNode): Family[] {
  const { alarms } = node
  const sockets = node.active?.server.connections.size ?? 0
  const seconds = (node.clock.now() - node.startedAt) / 1000
  return [
    one('process_resident_memory_bytes', 'gauge', residentMemory(), 'Memory used in bytes'),
    one('resident_memory_limit_bytes', 'gauge', memoryLimit(node), 'Memory high watermark in bytes'),
    one('process_open_fds', 'gauge', openFiles(), 'Open file descriptors'),
    one('process_max_fds', 'gauge', FILES_MAX, 'Open file descriptors limit'),
    one('process_open_tcp_sockets', 'gauge', sockets, 'Open TCP sockets'),
    one('process_max_tcp_sockets', 'gauge', FILES_MAX, 'Open TCP sockets limit'),
    one('disk_space_available_bytes', 'gauge', alarms.diskFree ?? 0, 'Disk space available in bytes'),
    one('disk_space_available_limit_bytes', 'gauge', alarms.limits.diskFree, 'Free disk space low watermark'),
    one('erlang_uptime_seconds', 'gauge', seconds, 'Node uptime'),
    one('alarms_memory_used_watermark', 'gauge', Number(alarms.memory), 'is 1 if the memory alarm is on'),
    one('alarms_free_disk_space_watermark', 'gauge', Number(alarms.disk), 'is 1 if the disk alarm is on'),
    one('alarms_file_descriptor_limit', 'gauge', 0, 'is 1 if the file descriptor limit is reached'),
  ]
}

function objects(active: ManagedBroker): Family[] {
  const t = totals(active)
  const { counters } = active.model.broker
  return [
    one('connections', 'gauge', active.server.connections.size, 'Connections currently open'),
    one('channels', 'gauge', t.channels, 'Channels currently open'),
    one('consumers', 'gauge', t.consumers, 'Consumers currently connected'),
    one('queues', 'gauge', t.queues, 'Queues available'),
    one('connections_opened_total', 'counter', counters.connectionsOpened),
    one('connections_closed_total', 'counter', counters.connectionsClosed),
    one('channels_opened_total', 'counter', counters.channelsOpened),
    one('channels_closed_total', 'counter', counters.channelsClosed),
    one('queues_declared_total', 'counter', counters.queuesDeclared),
    one('queues_created_total', 'counter', counters.queuesCreated),
    one('queues_deleted_total', 'counter', counters.queuesDeleted),
    one('queue_messages_ready', 'gauge', t.ready, 'Messages ready to be delivered to consumers'),
    one(
      'queue_messages_unacked',
      'gauge',
      t.unacked,
      'Messages delivered to consumers but not yet acknowledged',
    ),
    one('queue_messages', 'gauge', t.ready + t.unacked, 'Sum of ready and unacknowledged messages'),
    one('queue_consumers', 'gauge', t.consumers, 'Consumers on queues'),
  ]
}

function messages(active: ManagedBroker): Family[] {
  const { counters } = active.model.broker
  const t = totals(active)
  const sum = (name: keyof QueueCounters & string): number =>
    [...t.queueList.map((q) => q.counters), counters.goneQueues].reduce(
      (n, c) => n + (c[name as 'published'] as number),
      0,
    )
  let publishers = 0
  for (const c of active.server.connections)
    for (const ch of c.channels) if (ch.counters.published > 0) publishers++
  const protocol = labels({ protocol: 'amqp091' })
  const byQueueType = labels({ protocol: 'amqp091', queue_type: 'all' })
  const global = (name: string, value: number, type: Family['type'] = 'counter', l = protocol): Family => ({
    name: `rabbitmq_global_${name}`,
    type,
    help: name.replaceAll('_', ' '),
    samples: [{ labels: l, value }],
  })
  const delivered = sum('delivered')
  const auto = sum('deliveredNoAck')
  const [got, gotAuto] = [sum('got'), sum('gotNoAck')]
  const queueType = (name: string, value: number): Family => global(name, value, 'counter', byQueueType)
  return [
    global('messages_received_total', counters.received),
    global('messages_received_confirm_total', counters.receivedConfirm),
    global('messages_confirmed_total', counters.confirmed),
    global('messages_routed_total', counters.routed),
    global('messages_unroutable_returned_total', counters.unroutableReturned),
    global('messages_unroutable_dropped_total', counters.unroutableDropped),
    queueType('messages_delivered_total', delivered + auto + got + gotAuto),
    queueType('messages_delivered_consume_manual_ack_total', delivered),
    queueType('messages_delivered_consume_auto_ack_total', auto),
    queueType('messages_delivered_get_manual_ack_total', got),
    queueType('messages_delivered_get_auto_ack_total', gotAuto),
    queueType('messages_get_empty_total', sum('gotEmpty')),
    queueType('messages_redelivered_total', sum('redelivered')),
    queueType('messages_acknowledged_total', sum('acknowledged')),
    global('publishers', publishers, 'gauge'),
    global('consumers', t.consumers, 'gauge'),
    queueType('messages_dead_lettered_rejected_total', counters.deadLetteredRejected),
    queueType('messages_dead_lettered_expired_total', counters.deadLetteredExpired),
    queueType('messages_dead_lettered_maxlen_total', counters.deadLetteredMaxlen),
    queueType('messages_dead_lettered_delivery_limit_total', counters.deadLetteredDeliveryLimit),
  ]
}

/** What should be 0: RabbitMQ has no names for it. */
function faults({ model: { broker } }: ManagedBroker): Family[] {
  let parked = broker.delays.aside.size
  for (const v of broker.vhosts.values()) for (const q of v.queues.values()) parked += q.aside.size
  return [
    {
      name: 'leveret_messages_parked',
      type: 'gauge',
      help: 'Messages that cannot be handled and were set aside',
      samples: [{ value: parked }],
    },
    {
      name: 'leveret_objects_quarantined',
      type: 'gauge',
      help: 'Stored objects that could not be read or used at the start',
      samples: [{ value: broker.objects.quarantined.length }],
    },
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

/** What Node itself says of its health. */
function runtime(): Family[] {
  const heap = heapMemory()
  const plain = (name: string, value: number, help: string): Family => ({
    name,
    type: 'gauge',
    help,
    samples: [{ value }],
  })
  const families = [
    plain('nodejs_eventloop_lag_p50_seconds', delay.percentile(50) / 1e9, 'Median lag of the event loop'),
    plain('nodejs_eventloop_lag_p99_seconds', delay.percentile(99) / 1e9, '99th percentile of the lag'),
    plain('nodejs_heap_size_used_bytes', heap.used, 'Heap in use'),
    plain('nodejs_heap_size_total_bytes', heap.total, 'Heap'),
    plain('nodejs_external_memory_bytes', heap.external, 'Memory outside of the heap'),
  ]
  delay.reset()
  return families
}

type QueueMetric = readonly [name: string, type: Family['type'], value: (q: Queue) => number]

/** Of one queue each; counters carry no channel, so that rates need no sum over channels that come and go. */
export const queueMetrics: readonly QueueMetric[] = [
  ['queue_messages_ready', 'gauge', (q) => q.counts.ready],
  ['queue_messages_unacked', 'gauge', (q) => q.counts.unacked],
  ['queue_messages', 'gauge', (q) => q.counts.ready + q.counts.unacked],
  ['queue_messages_bytes', 'gauge', (q) => q.bytes.ready + q.bytes.unacked],
  ['queue_messages_ready_bytes', 'gauge', (q) => q.bytes.ready],
  ['queue_messages_unacked_bytes', 'gauge', (q) => q.bytes.unacked],
  ['queue_consumers', 'gauge', (q) => q.counts.consumers],
  ['queue_messages_published_total', 'counter', (q) => q.counters.published],
  ['queue_messages_delivered_total', 'counter', (q) => q.counters.delivered + q.counters.deliveredNoAck],
  ['queue_messages_acked_total', 'counter', (q) => q.counters.acknowledged],
  ['queue_messages_redelivered_total', 'counter', (q) => q.counters.redelivered],
  [
    'queue_head_message_age_seconds',
    'gauge',
    (q) => (q.headArrivedAt === 0 ? 0 : Math.max(0, (now() - q.headArrivedAt) / 1000)),
  ],
  ['queue_get_total', 'counter', (q) => q.counters.got + q.counters.gotNoAck],
]
