/** The process of one target: loads the instrumented modules, fuzzes, and tells its parent what it has found. */

import { Coverage } from './coverage.ts'
import { type Failure, fuzz, type Progress, tryInput } from './fuzzer.ts'
import type { TargetName } from './targets.ts'
import { startWatchdog } from './watchdog.ts'

export interface Job {
  readonly target: TargetName
  readonly seed: number
  readonly inputs: number
  readonly ms: number
  /** base64 of the one input to run. */
  readonly replay: string | undefined
}

export interface Report {
  readonly inputs: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly corpus: number
  readonly reached: number
  readonly places: number
  readonly residentBytes: number
  readonly failures: readonly { readonly what: string; readonly input: string; readonly alone: boolean }[]
}

const coverage = new Coverage()
coverage.install()
process.env['LEVERET_CHECKS'] = 'all'

let stray: unknown
function strayed(error: unknown): void {
  stray ??= error ?? new Error('undefined was thrown')
}
process.on('uncaughtException', strayed)
process.on('unhandledRejection', strayed)

function takeStray(): unknown {
  const error = stray
  stray = undefined
  return error
}

async function run(job: Job): Promise<Report> {
  const { targets } = await import('./targets.ts')
  const target = await targets[job.target]()
  if (job.replay !== undefined) {
    const input = Buffer.from(job.replay, 'base64')
    const what = await tryInput(target, input)
    await target.close?.()
    const none = { inputs: 1, seconds: 0, cpuSeconds: 0, corpus: 0 }
    return reportOf(none, what === undefined ? [] : [{ target: job.target, what, input, alone: true }])
  }
  const result = await fuzz(target, {
    seed: job.seed,
    inputs: job.inputs,
    ms: job.ms,
    timed: true,
    coverage,
    watch: startWatchdog(),
    stray: takeStray,
    progress: (p) => void process.send?.({ progress: { ...p, reached: coverage.reached } }),
  })
  const late = takeStray()
  return reportOf(
    result,
    late === undefined ? result.failures : [...result.failures, lateFailure(job.target, late)],
  )
}

function lateFailure(target: string, error: unknown): Failure {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { target, what, input: Buffer.alloc(0), alone: false }
}

function reportOf({ inputs, seconds, cpuSeconds, corpus }: Progress, failures: readonly Failure[]): Report {
  return {
    inputs,
    seconds,
    cpuSeconds,
    corpus,
    reached: coverage.reached,
    places: coverage.places,
    residentBytes: process.memoryUsage().rss,
    failures: failures.map(({ what, input, alone }) => ({
      what,
      input: input.toString('base64'),
      alone,
    })),
  }
}

process.on('message', (job: Job) => {
  run(job).then(
    (report) => process.send?.({ report }, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(1)
    },
  )
})
