/** The process as a node, and totals over all objects. */

import { randomBytes } from 'node:crypto'
import { availableParallelism, totalmem } from 'node:os'
import { getHeapCodeStatistics, getHeapStatistics } from 'node:v8'
import { exchangeTypes } from '../broker/exchange/registry.ts'
import type { Model } from '../model/model.ts'
import { builtInPlugins } from '../util/built-in-plugins.ts'
import { descriptorLimit } from '../util/descriptors.ts'
import type { Json } from '../util/json.ts'
import { residentMemory } from '../util/process-memory.ts'
import { RABBITMQ_VERSION } from '../util/rabbitmq-version.ts'
import type { ClusterView } from './cluster-view.ts'
import type { ManagedBroker, ManagedNode } from './managed-node.ts'
import type { Statistics } from './statistics.ts'

/** Why the store accepts no writes at the moment; empty while it does. */
function storeFailure({ active }: ManagedNode): string {
  const commit = active?.model.commit
  const error = commit?.failure ?? commit?.applyFailure
  return error === undefined ? '' : error instanceof Error ? error.message : String(error)
}

export interface Totals {
  readonly consumers: number
  readonly queues: number
  readonly exchanges: number
  readonly channels: number
}

export function totals({ model: { broker }, server }: ManagedBroker): Totals {
  let [consumers, channels] = [0, 0]
  for (const v of broker.vhosts.values()) for (const q of v.queues.values()) consumers += q.counts.consumers
  for (const c of server.connections) channels += c.channels.size
  return { consumers, channels, queues: broker.count('queues'), exchanges: broker.count('exchanges') }
}

/** The system's limit, or a common default if it is unknown. */
export const FILES_MAX = descriptorLimit() ?? 1_048_576

/** The value shown for a limit that is not set. */
export function memoryLimit({ alarms }: ManagedNode): number {
  return Number.isFinite(alarms.limits.memory) ? alarms.limits.memory : totalmem()
}

export function exchangeTypesJson(): Json[] {
  return exchangeTypes.map((name) => ({ name, description: '', enabled: true }))
}

/** The queues of RabbitMQ's statistics database, which does not exist here. */
const emptyQueues = {
  connection_closed: 0,
  channel_closed: 0,
  consumer_deleted: 0,
  exchange_deleted: 0,
  queue_deleted: 0,
  vhost_deleted: 0,
  node_node_deleted: 0,
  channel_consumer_deleted: 0,
}

/** Erlang's default. There is one process; tools warn when most of the processes are in use. */
const PROCESSES_MAX = 1_048_576

export function nodeJson(s: Statistics): Json {
  const { node } = s
  const { alarms, nodeName, active } = node
  return {
    name: nodeName,
    type: 'disc',
    cluster_links: [],
    contexts: contexts(node).map(({ node: _, ssl_opts: __, ...c }) => c),
    mem_calculation_strategy: 'rss',
    metrics_gc_queue_length: emptyQueues,
    ra_open_file_metrics: { ra_log_wal: 0, ra_log_segment_writer: 0 },
    running: true,
    being_drained: false,
    os_pid: String(process.pid),
    uptime: Math.round(node.clock.elapsed() - node.startedElapsed),
    mem_limit: memoryLimit(node),
    mem_alarm: alarms.memory,
    disk_free_limit: alarms.limits.diskFree,
    store_damaged: active?.storeDamaged ?? 0,
    store_failure: storeFailure(node),
    disk_free_alarm: alarms.disk,
    fd_total: FILES_MAX,
    sockets_total: FILES_MAX,
    proc_total: PROCESSES_MAX,
    run_queue: 0,
    processors: availableParallelism(),
    partitions: [],
    ...(node.cluster === undefined ? {} : { cluster_state: ownState(node.cluster) }),
    rates_mode: 'basic',
    ...s.ofNode(),
    applications: applications(active?.model.identity.version ?? RABBITMQ_VERSION),
    enabled_plugins: [...builtInPlugins],
    config_files: [],
    log_files: [],
    db_dir: node.settings.dataDir ?? '',
    net_ticktime: 60,
    exchange_types: exchangeTypesJson(),
    auth_mechanisms: (active?.server.login.mechanisms ?? []).map((name) => ({
      name,
      description: '',
      enabled: true,
    })),
  }
}

/** Erlang's list of applications, in which tools look for the server. */
function applications(version: string): { name: string; description: string; version: string }[] {
  const rows = builtInPlugins.map((name) => ({ name, description: 'Built in', version }))
  return [{ name: 'rabbit', description: 'RabbitMQ', version }, ...rows]
}

function ownState(cluster: ClusterView): string {
  const { nodes, node } = cluster.status()
  return nodes.find((n) => n.name === node)?.state ?? 'joining'
}

interface ListenerRow {
  readonly node: string
  readonly protocol: string
  readonly ip_address: string
  readonly port: number
  /** RabbitMQ's names for options of its web server and of sockets. */
  readonly socket_opts: object
}

export function listeners({ listening, nodeName: node }: ManagedNode): ListenerRow[] {
  return listening.map(({ protocol, address, port }) => ({
    node,
    protocol,
    ip_address: address,
    port,
    socket_opts: {},
  }))
}

export function contexts(node: ManagedNode): Json[] {
  const about = new Map([
    ['http', 'RabbitMQ Management'],
    ['https', 'RabbitMQ Management'],
    ['http/prometheus', 'RabbitMQ Prometheus'],
    ['https/prometheus', 'RabbitMQ Prometheus'],
  ])
  return listeners(node)
    .filter((l) => about.has(l.protocol))
    .map((l) => ({
      node: l.node,
      description: about.get(l.protocol),
      path: '/',
      ip: l.ip_address,
      // A string, as in RabbitMQ.
      port: String(l.port),
      protocol: l.protocol,
      cowboy_opts: '[]',
      ssl_opts: [],
    }))
}

/** Memory use by RabbitMQ's categories, in octets; categories that only Erlang has are 0. */
export function memoryJson({ active }: ManagedNode) {
  const heap = getHeapStatistics()
  const code = getHeapCodeStatistics()
  const rss = residentMemory()
  let [queues, writers] = [0, 0]
  for (const v of active?.model.broker.vhosts.values() ?? [])
    for (const q of v.queues.values()) queues += q.holding.memory
  for (const c of active?.server.connections ?? []) writers += c.socket.writableLength
  const codeBytes = code.code_and_metadata_size + code.bytecode_and_metadata_size
  const allocated = heap.total_heap_size + heap.external_memory
  return {
    connection_readers: 0,
    connection_writers: writers,
    connection_channels: 0,
    connection_other: 0,
    queue_procs: queues,
    queue_slave_procs: 0,
    quorum_queue_procs: 0,
    quorum_queue_dlx_procs: 0,
    stream_queue_procs: 0,
    stream_queue_replica_reader_procs: 0,
    stream_queue_coordinator_procs: 0,
    plugins: 0,
    metadata_store: 0,
    other_proc: Math.max(0, heap.used_heap_size - codeBytes),
    metrics: 0,
    mgmt_db: 0,
    mnesia: 0,
    quorum_ets: 0,
    metadata_store_ets: 0,
    other_ets: 0,
    binary: Math.max(0, heap.external_memory - queues - writers),
    msg_index: 0,
    code: codeBytes,
    atom: 0,
    other_system: heap.malloced_memory,
    allocated_unused: Math.max(0, heap.total_heap_size - heap.used_heap_size),
    reserved_unallocated: Math.max(0, rss - allocated),
    strategy: 'rss',
    total: { erlang: heap.used_heap_size + heap.external_memory, rss, allocated },
  }
}

const CLUSTER_ID = 'internal_cluster_id'

/** Generated once and stored, as RabbitMQ does. */
export function clusterId({ parameters }: Model): string {
  const known = parameters.global(CLUSTER_ID)
  if (typeof known === 'string') return known
  const id = `rabbitmq-cluster-id-${randomBytes(16).toString('base64url')}`
  parameters.setGlobal(CLUSTER_ID, id)
  return id
}
