/** What is measured once: memory during and after a flood, and starts with much on disk. */

import { markdown, median } from './tables.ts'
import { anonymousBytes, residentBytes, startLeveret, type Target } from './targets.ts'
import { backlogWorkloads, floodWorkload, type Workload } from './workloads.ts'

const MB = 1e6
const SAMPLE_MS = 100
/** How long after a flood memory has to be given back. */
const AFTER_MS = 10_000
const STARTS = 5

/** Runs a workload on a broker; resolves with its headline figure. */
export type Run = (w: Workload, target: Target) => Promise<number>

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Messages that nobody consumes, until the queue is deleted. */
export async function memoryTable(targets: readonly Target[], seconds: number, run: Run): Promise<string> {
  const rows: string[][] = []
  for (const bytes of [16, 120])
    for (const target of targets) {
      const { pid } = target
      if (pid === undefined) continue
      let peak = 0
      let anonymous = 0
      const timer = setInterval(() => {
        peak = Math.max(peak, residentBytes(pid))
        anonymous = Math.max(anonymous, anonymousBytes(pid))
      }, SAMPLE_MS)
      const rate = await run(floodWorkload(bytes, seconds), target)
      clearInterval(timer)
      await sleep(AFTER_MS)
      const figures = [peak, anonymous, residentBytes(pid), anonymousBytes(pid)]
      const sent = Math.round(rate).toLocaleString('en-US')
      rows.push([`${bytes} B, ${sent}/s`, target.name, ...figures.map((n) => (n / MB).toFixed(0))])
    }
  const head = ['flood without a consumer', 'broker', 'MB at most', 'no file behind it', 'MB 10 s later']
  return markdown([[...head, 'no file behind it'], ...rows])
}

/** Starts on an empty folder, after a clean end, and after SIGKILL while messages are published. */
export async function startTable(port: number, messages: number, run: Run): Promise<string> {
  const target = await startLeveret(port)
  const rows: string[][] = []
  const starts = async (what: string, signal: 'SIGTERM' | 'SIGKILL', before?: () => Promise<void>) => {
    const ms: number[] = []
    for (let i = 0; i < STARTS; i++) {
      await before?.()
      ms.push((await target.restart?.(signal)) ?? 0)
    }
    rows.push([what, median(ms).toFixed(0), Math.max(...ms).toFixed(0)])
  }
  try {
    await starts('nothing on disk', 'SIGTERM')
    const { fill } = backlogWorkloads(messages)
    await run(fill, target)
    const text = messages.toLocaleString('en-US')
    await starts(`${text} durable messages, after a clean end`, 'SIGTERM')
    const more = { ...fill, flow: { ...fill.flow, messages: 0, seconds: 5 } } as Workload
    await starts(`${text} durable messages, killed while more are published`, 'SIGKILL', async () => {
      // It ends with its broker.
      run(more, target).catch(() => {})
      await sleep(1000)
    })
  } finally {
    await target.stop()
  }
  return markdown([['start of Leveret', 'ms to the first accepted connection, median', 'most'], ...rows])
}
