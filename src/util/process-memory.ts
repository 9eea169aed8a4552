/** Measures the memory of the process, and returns some of it to the system. */
import { openSync, readSync } from 'node:fs'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startTimer, stopTimer, type Timeout } from './timers.ts'

const PAGE_BYTES = 4096

/**
 * /proc/self/statm, kept open because no descriptor may be available when it has to be read; undefined if it is
 * missing.
 */
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

/** Reads the memory in octets; returns the last known values if the system cannot report it at the moment. */
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
    // No descriptor is available.
  }
  return last
}

/**
 * Octets of memory that the system cannot reclaim: on Linux without mapped files, such as the store's, whose pages are
 * a cache.
 */
export function memoryUsed(): number {
  const { resident, shared } = look()
  return resident - shared
}

/** Octets of mapped files in memory; undefined if the system does not report it. */
export function mappedMemory(): number | undefined {
  return statm === undefined ? undefined : look().shared
}

/** Octets of resident memory, including mapped files. */
export function residentMemory(): number {
  return look().resident
}

/** Octets of the JavaScript heap: used, allocated from the system, and external. */
export function heapMemory(): { used: number; total: number; external: number } {
  const { used_heap_size, total_heap_size, external_memory } = getHeapStatistics()
  return { used: used_heap_size, total: total_heap_size, external: external_memory }
}

/**
 * Keeps the young generation of the heap at its size. It would grow to 32 MiB in the first flood of messages and stay
 * there, since V8 shrinks it only when almost nothing is allocated; messages are not objects and do not need it.
 */
export function keepYoungHeap(): void {
  const keep = (): void => setFlagsFromString('--semi-space-growth-factor=1')
  keep()
  // V8 resets the factor to 2, for all threads, whenever it creates the heap of another thread.
  process.on('worker', (worker) => void worker.once('online', keep))
}

/** Octets of objects beyond which garbage is limited to a share of them. */
const LARGE_HEAP_BYTES = 48 * 1024 * 1024
/** That share, in percent. V8 may otherwise let four times as many octets of garbage accumulate before it collects. */
const GARBAGE_PERCENT = 40
const HEAP_LOOK_MS = 500

/**
 * Limits the garbage of a large heap, such as that of a broker with very many objects: V8 lets a heap grow to several
 * times its size before it collects the old generation, which imports, exports and long lists fill. A small heap is
 * left alone, so that floods of messages are not interrupted more often.
 */
export class GarbageBound {
  private readonly used: () => number
  private readonly setPercent: (percent: number) => void
  private isLarge = false

  /** @param setPercent sets by which share of its size the heap may grow until a collection; 0 = as V8 decides */
  constructor(
    used: () => number = () => heapMemory().used,
    setPercent: (percent: number) => void = (percent) =>
      setFlagsFromString(`--heap-growing-percent=${percent}`),
  ) {
    this.used = used
    this.setPercent = setPercent
  }

  look(): void {
    const used = this.used()
    // A heap that has become large counts as large down to half the bound, since a collection may free that much.
    const isLarge = used > (this.isLarge ? LARGE_HEAP_BYTES / 2 : LARGE_HEAP_BYTES)
    if (isLarge === this.isLarge) return
    this.isLarge = isLarge
    this.setPercent(isLarge ? GARBAGE_PERCENT : 0)
  }

  /** Checks the heap regularly, for as long as the process has other work. */
  start(): void {
    this.look()
    startTimer(() => this.start(), HEAP_LOOK_MS).unref()
  }
}

/** Octets of objects that a collection traverses in about 50 ms. */
const QUICK_HEAP_BYTES = 64 * 1024 * 1024

/**
 * V8 shrinks the young generation only in a collection that follows five seconds with almost no allocation; in ms, with
 * a margin.
 */
const QUIET_MS = 6000
let afterwards: Timeout | undefined

/**
 * Collects garbage now if that is quick: in an idle process garbage may otherwise stay for hours. Collects again after
 * a quiet period, which frees another 30 MB.
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

/** Collects garbage now: an idle process would otherwise keep it indefinitely. */
export function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
    setFlagsFromString('--no-expose-gc')
  }
  collector()
}
