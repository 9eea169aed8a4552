/** What dashboards, alert rules and scrapers ask of the metrics: names, labels that they join by, and types for rate(). */
import { readFileSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { declareQueue, session } from '../support/session.ts'
import { type Family, parse } from './parse.ts'

interface Asks {
  readonly who: string
  readonly path: string
  /** Those of counters end in _total. */
  readonly names: string
  /** Of each sample of these. */
  readonly labels?: readonly string[]
}

const alarms = 'alarms_memory_used_watermark alarms_free_disk_space_watermark alarms_file_descriptor_limit'
const node = 'process_resident_memory_bytes resident_memory_limit_bytes disk_space_available_bytes'
const churn = `connections_opened_total connections_closed_total channels_opened_total channels_closed_total
  queues_declared_total queues_created_total queues_deleted_total`
const ofQueues = 'queue_messages queue_messages_ready queue_messages_unacked queue_consumers'

const table: Asks[] = [
  {
    who: "the overview of RabbitMQ's dashboards (10991)",
    path: '/metrics',
    names: `queue_messages_ready queue_messages_unacked connections channels queues consumers ${node} ${churn}
      disk_space_available_limit_bytes process_open_fds process_max_fds process_open_tcp_sockets
      process_max_tcp_sockets global_messages_received_total global_messages_received_confirm_total
      global_messages_confirmed_total global_messages_routed_total global_messages_unroutable_dropped_total
      global_messages_unroutable_returned_total global_messages_delivered_consume_auto_ack_total
      global_messages_delivered_consume_manual_ack_total global_messages_delivered_get_auto_ack_total
      global_messages_delivered_get_manual_ack_total global_messages_get_empty_total
      global_messages_redelivered_total global_messages_acknowledged_total global_publishers global_consumers`,
  },
  {
    who: 'its releases for RabbitMQ 3.8',
    path: '/metrics',
    names: `channel_consumers channel_messages_published_total channel_messages_confirmed_total
      channel_messages_unconfirmed channel_messages_redelivered_total channel_messages_delivered_total
      channel_messages_delivered_ack_total channel_messages_acked_total channel_messages_unacked
      channel_messages_unroutable_dropped_total channel_messages_unroutable_returned_total channel_get_total
      channel_get_ack_total channel_get_empty_total`,
  },
  {
    who: "the cluster operator's alert rules",
    path: '/metrics',
    names: `${alarms} channel_messages_unroutable_dropped_total channel_messages_unroutable_returned_total
      process_open_fds process_max_fds process_open_tcp_sockets process_max_tcp_sockets connections
      connections_opened_total connections_closed_total disk_space_available_bytes
      disk_space_available_limit_bytes`,
  },
  {
    who: "the cluster operator's rules for single queues, and the dashboard of queues",
    path: '/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count',
    names: ofQueues.replaceAll('queue_', 'detailed_queue_'),
    labels: ['vhost', 'queue'],
  },
  {
    who: 'rules with an object for each queue',
    path: '/metrics/per-object',
    names: `${ofQueues} queue_messages_bytes queue_messages_ram queue_messages_persistent`,
    labels: ['vhost', 'queue'],
  },
  {
    who: "Datadog's check in its prometheus mode",
    path: '/metrics',
    names: `${node} ${churn} connections channels queues consumers erlang_uptime_seconds auth_attempts_total
      auth_attempts_succeeded_total auth_attempts_failed_total consumer_prefetch global_messages_received_total
      global_messages_dead_lettered_expired_total global_messages_dead_lettered_maxlen_total
      global_messages_dead_lettered_rejected_total queue_messages queue_messages_ready_bytes
      queue_process_memory_bytes queue_head_message_timestamp`,
  },
]

const exported = new Set(
  ['rabbitmq-4-metrics.txt', 'rabbitmq-4-metric-families.txt'].flatMap((f) =>
    readFileSync(`test/fixtures/${f}`, 'utf8').split(/\s+/),
  ),
)

/** What stands in a query for one metric joined with that of the identity. */
function wrong(name: string, f: Family | undefined, labels: readonly string[]): string[] {
  if (!exported.has(name)) return [`RabbitMQ has no ${name}`]
  if (f === undefined) return [`${name} is missing`]
  const found: string[] = []
  if ((f.type === 'counter') !== name.endsWith('_total')) found.push(`${name} is a ${f.type}`)
  for (const s of f.samples)
    for (const l of labels) if (s.labels[l] === undefined) found.push(`${name} has no label ${l}`)
  return found
}

it.each(table)('$who', async ({ path, names, labels = [] }) => {
  const broker = await createBroker({ port: 0, metricsPort: 0 })
  onTestFinished(() => broker.close())
  const w = await session(broker)
  await declareQueue(w, { queue: 'q', exclusive: false })
  const r = await fetch(`http://127.0.0.1:${broker.metricsPort}${path}`)
  const families = parse(await r.text())
  const asked = names.trim().split(/\s+/)
  expect(asked.flatMap((n) => wrong(`rabbitmq_${n}`, families.get(`rabbitmq_${n}`), labels))).toEqual([])
  // Queries join by the instance that was scraped: with a second sample they would fail.
  const infos = [...families].filter(([name]) => /^rabbitmq_(detailed_)?identity_info$/.test(name))
  expect(infos.map(([, f]) => f.samples)).toEqual([
    [
      expect.objectContaining({
        value: 1,
        labels: expect.objectContaining({ rabbitmq_node: expect.any(String) }),
      }),
    ],
  ])
  expect(Object.keys(infos[0]?.[1].samples[0]?.labels ?? {})).toContain('rabbitmq_cluster')
})
