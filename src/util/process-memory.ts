/** How much memory the process uses, and getting some of it back. */
import { openSync, readSync } from 'node:fs'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startTimer, stopTimer, type Timeout } from './timers.ts'

const PAGE_BYTES = 4096

/** Open for good: there may be no descriptor free when it is to be read. undefined where there is no such file. */
const statm = openStatm()
const text = Buffer.alloc(128)
let last = { resident: 0, shared: 0 }

function openStatm(): number | undefined {
  try {
    return process.platform === 'linux' ? openSync('/proc/self/statm', 'r') : undefined
  } catch {
    return undefined
  }
}

/** Octets; what was known last where the system does not tell just now. */
function look(): { resident: number; shared: number } {
  try {
    if (statm === undefined) last = { resident: process.memoryUsage.rss(), shared: 0 }
    else {
      const [, resident, shared] = text
        .toString('latin1', 0, readSync(statm, text, 0, text.length, 0))
        .split(' ')
      last = { resident: Number(resident) * PAGE_BYTES, shared: Number(shared) * PAGE_BYTES }
    }
  } catch {
    // No descriptor is free.
  }
  return last
}

/**
 * Octets of memory that the system cannot take away: on Linux without the mapped files, such as the store's, whose pages
 * are a cache.
 */
export function memoryUsed(): number {
  const { resident, shared } = look()
  return resident - shared
}

/** Octets of mapped files that are in memory; undefined where the system does not say. */
export function mappedMemory(): number | undefined {
  return statm === undefined ? undefined : look().shared
}

/** Octets of memory, mapped files included. */
export function residentMemory(): number {
  return look().resident
}

/** Octets of JavaScript's heap: used, taken from the system, and held outside of it. */
export function heapMemory(): { used: number; total: number; external: number } {
  const { used_heap_size, total_heap_size, external_memory } = getHeapStatistics()
  return { used: used_heap_size, total: total_heap_size, external: external_memory }
}

/**
 * The part of the heap for new objects stays as large as it is. It would grow to 32 MiB in the first flood and stay so,
 * since V8 makes it smaller only where next to nothing happens; messages are not objects and do not need it.
 */
export function keepYoungHeap(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** Octets of objects that are looked through in some 50 ms. */
const QUICK_HEAP_BYTES = 64 * 1024 * 1024

/**
 * V8 makes the part of the heap for new objects smaller only in a collection before which next to nothing was allocated for
 * five seconds, in ms with some to spare.
 */
const QUIET_MS = 6000
let afterwards: Timeout | undefined

/**
 * Collects garbage now where that takes a moment only: what is left to the collector of a quiet process may lie for hours.
 * And once more when it has been quiet since, which gives back some 30 MB more.
 */
export function collectGarbageIfQuick(): void {
  collectIfQuick()
  stopTimer(afterwards)
  afterwards = startTimer(collectIfQuick, QUIET_MS)
  afterwards.unref()
}

function collectIfQuick(): void {
  if (heapMemory().used <= QUICK_HEAP_BYTES) collectGarbage()
}

let collector: (() => void) | undefined

/** Collects garbage now: a process that has nothing to do would keep it for as long as it likes. */
export function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
    setFlagsFromString('--no-expose-gc')
  }
  collector()
}
