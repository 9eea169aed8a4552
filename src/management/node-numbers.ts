/**
 * Numbers of the process as a node, by RabbitMQ's names. Numbers that only Erlang has are 0, because tools expect the
 * names.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { residentMemory } from '../util/process-memory.ts'
import { elapsed } from '../util/timers.ts'
import type { ManagedNode } from './managed-node.ts'

let collections = 0
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length
})
observer.observe({ entryTypes: ['gc'] })

/** RabbitMQ reports this per Erlang process; here it is the same for all objects. */
export function garbageCollectionJson(): { [name: string]: number } {
  return {
    fullsweep_after: 0,
    max_heap_size: getHeapStatistics().heap_size_limit,
    min_bin_vheap_size: 0,
    min_heap_size: 0,
    minor_gcs: collections,
  }
}

const LAG_RESOLUTION_MS = 20
const LAG_INTERVAL_MS = 5000
const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
lag.enable()
let lagSince = elapsed()
let lastLag = 0

/** Delay of timers in the last seconds: the 99th percentile, in microseconds. */
function eventLoopLag(): number {
  const now = elapsed()
  if (now - lagSince < LAG_INTERVAL_MS - LAG_RESOLUTION_MS) return lastLag
  if (lag.count > 0) lastLag = Math.max(0, Math.round(lag.percentile(99) / 1000 - LAG_RESOLUTION_MS * 1000))
  lag.reset()
  lagSince = now
  return lastLag
}

/** Number of open file descriptors; 0 if the system does not report them. */
export function openFiles(): number {
  try {
    // Linux 6.2 and later report it as the directory's size; listing 20,000 of them takes 10 ms.
    return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

/**
 * System calls for reading and writing, and octets read from and written to disk; empty if the system does not report
 * them.
 */
function inputOutput(): ReadonlyMap<string, number> {
  try {
    const lines = readFileSync('/proc/self/io', 'latin1').trim().split('\n')
    return new Map(lines.map((l) => [l.split(':')[0] as string, Number(l.split(':')[1])]))
  } catch {
    return new Map()
  }
}

export const nodeNumberNames = [
  'mem_used',
  'fd_used',
  'sockets_used',
  'proc_used',
  'disk_free',
  'event_loop_lag_us',
  'gc_num',
  'gc_bytes_reclaimed',
  'context_switches',
  'io_read_count',
  'io_read_bytes',
  'io_read_avg_time',
  'io_write_count',
  'io_write_bytes',
  'io_write_avg_time',
  'io_sync_count',
  'io_sync_avg_time',
  'io_seek_count',
  'io_seek_avg_time',
  'io_reopen_count',
  'mnesia_ram_tx_count',
  'mnesia_disk_tx_count',
  'msg_store_read_count',
  'msg_store_write_count',
  'queue_index_write_count',
  'queue_index_read_count',
] as const

/** The values, in the order of nodeNumberNames. */
export function nodeNumbers({ active, alarms }: ManagedNode): number[] {
  const { voluntaryContextSwitches, involuntaryContextSwitches } = process.resourceUsage()
  const io = inputOutput()
  const { keeps, durable } = active?.model.commit ?? { keeps: false, durable: 0 }
  const known: { readonly [N in (typeof nodeNumberNames)[number]]?: number } = {
    mem_used: residentMemory(),
    fd_used: openFiles(),
    sockets_used: active?.server.connections.size ?? 0,
    proc_used: 1,
    disk_free: alarms.diskFree ?? 0,
    event_loop_lag_us: eventLoopLag(),
    gc_num: collections,
    context_switches: voluntaryContextSwitches + involuntaryContextSwitches,
    io_read_count: io.get('syscr') ?? 0,
    io_read_bytes: io.get('read_bytes') ?? 0,
    io_write_count: io.get('syscw') ?? 0,
    io_write_bytes: io.get('write_bytes') ?? 0,
    // Each batch is one write and one sync.
    io_sync_count: keeps ? durable : 0,
    mnesia_disk_tx_count: keeps ? durable : 0,
  }
  return nodeNumberNames.map((n) => known[n] ?? 0)
}
