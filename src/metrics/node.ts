/** Metrics of the process, its journal, logins and the churn, in the families of RabbitMQ's exporter. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ManagedNode } from '../management/managed-node.ts'
import { FILES_MAX, memoryLimit } from '../management/node.ts'
import { nodeNumberNames, nodeNumbers } from '../management/node-numbers.ts'
import { heapMemory } from '../util/process-memory.ts'
import { clusterFamilies } from './cluster.ts'
import { type Family, family, labels, type MetricType } from './text.ts'

type Row = readonly [name: string, type: MetricType, help: string, value: number]

/** Families by their names in `/metrics/detailed?family=`; each is computed only on request. */
export type NodeFamilies = { readonly [family: string]: () => readonly Family[] }

function rows(list: readonly Row[]): Family[] {
  return list.map(([name, type, help, value]) => family(`rabbitmq_${name}`, type, help, value))
}

export function nodeFamilies(node: ManagedNode): NodeFamilies {
  let values: readonly number[] | undefined
  const n = (name: (typeof nodeNumberNames)[number]): number => {
    values ??= nodeNumbers(node)
    return values[nodeNumberNames.indexOf(name)] ?? 0
  }
  return {
    node_coarse_metrics: () =>
      rows([
        ['process_open_fds', 'gauge', 'Open file descriptors', n('fd_used')],
        ['process_open_tcp_sockets', 'gauge', 'Open TCP sockets', n('sockets_used')],
        ['process_resident_memory_bytes', 'gauge', 'Memory used in bytes', n('mem_used')],
        ['disk_space_available_bytes', 'gauge', 'Disk space available in bytes', n('disk_free')],
        ['erlang_gc_runs_total', 'counter', 'Total number of garbage collector runs', n('gc_num')],
        [
          'erlang_scheduler_context_switches_total',
          'counter',
          'Total number of context switches',
          n('context_switches'),
        ],
      ]),
    node_metrics: () =>
      rows([
        ['process_max_fds', 'gauge', 'Open file descriptors limit', FILES_MAX],
        ['process_max_tcp_sockets', 'gauge', 'Open TCP sockets limit', FILES_MAX],
        ['resident_memory_limit_bytes', 'gauge', 'Memory high watermark in bytes', memoryLimit(node)],
        [
          'disk_space_available_limit_bytes',
          'gauge',
          'Free disk space low watermark in bytes',
          node.alarms.limits.diskFree,
        ],
        [
          'erlang_uptime_seconds',
          'gauge',
          'Node uptime',
          (node.clock.elapsed() - node.startedElapsed) / 1000,
        ],
      ]),
    node_persister_metrics: () =>
      rows([
        ['io_read_ops_total', 'counter', 'Total number of I/O read operations', n('io_read_count')],
        ['io_read_bytes_total', 'counter', 'Total number of I/O bytes read', n('io_read_bytes')],
        ['io_write_ops_total', 'counter', 'Total number of I/O write operations', n('io_write_count')],
        ['io_write_bytes_total', 'counter', 'Total number of I/O bytes written', n('io_write_bytes')],
        ['io_sync_ops_total', 'counter', 'Total number of I/O sync operations', n('io_sync_count')],
      ]),
    connection_churn_metrics: () => churn(node),
    ra_metrics: () => journal(node),
    auth_attempt_metrics: () => attempts(node),
    auth_attempt_detailed_metrics: () => [],
  }
}

function churn({ active }: ManagedNode): Family[] {
  if (active === undefined) return []
  const { counters } = active.model.broker
  return rows([
    ['connections_opened_total', 'counter', 'Total number of connections opened', counters.connectionsOpened],
    [
      'connections_closed_total',
      'counter',
      'Total number of connections closed or terminated',
      counters.connectionsClosed,
    ],
    ['channels_opened_total', 'counter', 'Total number of channels opened', counters.channelsOpened],
    ['channels_closed_total', 'counter', 'Total number of channels closed', counters.channelsClosed],
    ['queues_declared_total', 'counter', 'Total number of queues declared', counters.queuesDeclared],
    ['queues_created_total', 'counter', 'Total number of queues created', counters.queuesCreated],
    ['queues_deleted_total', 'counter', 'Total number of queues deleted', counters.queuesDeleted],
  ])
}

/** Metrics of the node's commit log: batches that were written, synced, and applied by the store. */
function journal({ active }: ManagedNode): Family[] {
  if (active === undefined) return []
  const { commit } = active.model
  return rows([
    ['raft_term_total', 'counter', 'Current term number: there is one', 1],
    ['raft_log_snapshot_index', 'gauge', 'Log snapshot index: there is none', 0],
    ['raft_log_last_applied_index', 'gauge', 'Log last applied index: the batch', commit.applied],
    ['raft_log_commit_index', 'gauge', 'Log commit index: the batch', commit.durable],
    ['raft_log_last_written_index', 'gauge', 'Log last written index: the batch', commit.durable],
  ])
}

function attempts({ active }: ManagedNode): Family[] {
  const counts = Object.entries(active?.server.throttle.attempts ?? {})
  const of = (
    name: string,
    help: string,
    value: (c: { succeeded: number; failed: number }) => number,
  ): Family => ({
    name: `rabbitmq_${name}`,
    type: 'counter',
    help,
    samples: counts.map(([protocol, c]) => ({ labels: labels({ protocol }), value: value(c) })),
  })
  return [
    of('auth_attempts_total', 'Total number of authentication attempts', (c) => c.succeeded + c.failed),
    of(
      'auth_attempts_succeeded_total',
      'Total number of successful authentication attempts',
      (c) => c.succeeded,
    ),
    of('auth_attempts_failed_total', 'Total number of failed authentication attempts', (c) => c.failed),
  ]
}

/** Alarms, and the identity and state of the node. */
export function stateFamilies(node: ManagedNode): Family[] {
  const { alarms, startedAt } = node
  return [
    ...rows([
      [
        'alarms_memory_used_watermark',
        'untyped',
        'is 1 if the memory alarm is in effect',
        Number(alarms.memory),
      ],
      [
        'alarms_free_disk_space_watermark',
        'untyped',
        'is 1 if free disk space watermark alarm is in effect',
        Number(alarms.disk),
      ],
      ['alarms_file_descriptor_limit', 'untyped', 'is 1 if file descriptor limit alarm is in effect', 0],
      [
        'unreachable_cluster_peers_count',
        'gauge',
        'Number of peers in the cluster the current node cannot reach.',
        0,
      ],
    ]),
    family(
      'process_start_time_seconds',
      'gauge',
      'Start time of the process since unix epoch in seconds.',
      startedAt / 1000,
    ),
    ...clusterFamilies(node),
  ]
}

const delay = monitorEventLoopDelay({ resolution: 20 })
delay.enable()

/** Metrics of the Node.js runtime. */
export function runtimeFamilies(): Family[] {
  const heap = heapMemory()
  const plain = (name: string, value: number, help: string): Family => family(name, 'gauge', help, value)
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
