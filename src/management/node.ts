/** The process as a node, and sums over everything. */

import { availableParallelism, totalmem } from 'node:os'
import { exchangeTypes } from '../broker/exchange/registry.ts'
import type { Queue } from '../broker/queue/queue.ts'
import { descriptorLimit } from '../util/descriptors.ts'
import type { Json } from './listing.ts'
import type { ManagedBroker, ManagedNode } from './managed-node.ts'
import type { Statistics } from './statistics.ts'

export interface Totals {
  ready: number
  unacked: number
  consumers: number
  queues: number
  exchanges: number
  channels: number
  readonly queueList: Queue[]
}

export function totals({ model: { broker }, server }: ManagedBroker): Totals {
  const sums = { ready: 0, unacked: 0, consumers: 0, queues: 0, exchanges: 0, channels: 0 }
  const t: Totals = { ...sums, queueList: [] }
  for (const v of broker.vhosts.values()) {
    t.queues += v.queues.size
    t.exchanges += v.exchanges.size
    for (const q of v.queues.values()) {
      const { ready, unacked, consumers } = q.counts
      t.ready += ready
      t.unacked += unacked
      t.consumers += consumers
      t.queueList.push(q)
    }
  }
  for (const c of server.connections) t.channels += c.channels.size
  return t
}

/** What the system allows; a usual number where it does not tell. */
export const FILES_MAX = descriptorLimit() ?? 1_048_576

/** What a limit that is not set is shown as. */
export function memoryLimit({ alarms }: ManagedNode): number {
  return Number.isFinite(alarms.limits.memory) ? alarms.limits.memory : totalmem()
}

export function exchangeTypesJson(): Json[] {
  return exchangeTypes.map((name) => ({ name, description: '', enabled: true }))
}

export function nodeJson(s: Statistics): Json {
  const { node } = s
  const { alarms, nodeName, active } = node
  return {
    name: nodeName,
    type: 'disc',
    running: true,
    being_drained: false,
    os_pid: String(process.pid),
    uptime: node.clock.now() - node.startedAt,
    mem_limit: memoryLimit(node),
    mem_alarm: alarms.memory,
    disk_free_limit: alarms.limits.diskFree,
    store_damaged: active?.storeDamaged ?? 0,
    disk_free_alarm: alarms.disk,
    fd_total: FILES_MAX,
    sockets_total: FILES_MAX,
    proc_total: 1,
    run_queue: 0,
    processors: availableParallelism(),
    partitions: [],
    rates_mode: 'basic',
    ...s.ofNode(),
    applications: [],
    enabled_plugins: [],
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
