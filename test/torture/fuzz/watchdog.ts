/**
 * A thread beside the fuzzer, for inputs that do not end: while one of them runs, nothing else in its thread does. It prints
 * the input and ends the process, and does so too where memory grows without bound.
 */
import { writeSync } from 'node:fs'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { systemClock } from '../../../src/util/clock.ts'

const INPUT_BYTES_MAX = 1 << 20
const HEAD_WORDS = 2
const LOOK_MS = 100
/** ms of processor time without a new input. */
const STUCK_MS = 20_000
const RESIDENT_BYTES_MAX = 2 * 1024 * 1024 * 1024
const OUTPUT = 1

/** Returns what has to be told of each input. */
export function startWatchdog(): (input: Buffer) => void {
  const shared = new SharedArrayBuffer(INPUT_BYTES_MAX + HEAD_WORDS * 4)
  const worker = new Worker(new URL(import.meta.url), { workerData: shared })
  worker.unref()
  const head = new Int32Array(shared, 0, HEAD_WORDS)
  const bytes = new Uint8Array(shared, HEAD_WORDS * 4)
  return (input) => {
    bytes.set(input)
    head[1] = input.length
    Atomics.add(head, 0, 1)
  }
}

function watch(shared: SharedArrayBuffer): void {
  const head = new Int32Array(shared, 0, HEAD_WORDS)
  let last = -1
  let since = process.cpuUsage()
  const look = (): void => {
    systemClock.after(LOOK_MS, look)
    const now = Atomics.load(head, 0)
    if (now !== last) {
      last = now
      since = process.cpuUsage()
    }
    const { user, system } = process.cpuUsage(since)
    const { rss } = process.memoryUsage()
    if (rss > RESIDENT_BYTES_MAX) end(shared, `${rss} octets of memory`)
    if ((user + system) / 1000 > STUCK_MS) end(shared, 'it does not end')
  }
  look()
}

function end(shared: SharedArrayBuffer, why: string): void {
  const length = new Int32Array(shared, 0, HEAD_WORDS)[1] as number
  const input = Buffer.from(new Uint8Array(shared, HEAD_WORDS * 4, length))
  writeSync(OUTPUT, `${why}: --replay ${input.toString('base64')}\n`)
  process.kill(process.pid, 'SIGKILL')
}

if (!isMainThread && workerData instanceof SharedArrayBuffer) watch(workerData)
