/** `npm run torture -- fuzz`: instruments the compiled modules and runs one process after another, one for each target. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from '../../support/children.ts'
import { instrument } from './instrument.ts'
import type { Job, Report } from './process.ts'
import { type TargetName, targetNames } from './targets.ts'

interface FuzzCommand {
  readonly targets: readonly TargetName[]
  readonly seed: number
  /** Of each target. */
  readonly inputs: number
  /** For all targets together; undefined = as long as the inputs take. */
  readonly minutes: number | undefined
  readonly replay: string | undefined
  readonly say: (line: string) => void
}

/** MB of JavaScript objects. */
const HEAP_MB = 1024
const MINUTE_MS = 60_000

const compiled = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/** A copy of the compiled modules, in which those of `src` count. Returns its folder. */
function instrumented(): string {
  const folder = join(compiled, '..', `leveret-fuzz-${process.pid}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'package.json'),
    '{ "type": "module", "imports": { "#require": "./require.cjs" } }\n',
  )
  writeFileSync(join(folder, 'require.cjs'), 'module.exports = require\n')
  cpSync(join(compiled, 'test'), join(folder, 'test'), { recursive: true })
  for (const name of readdirSync(join(compiled, 'src'), { recursive: true }) as string[]) {
    if (!name.endsWith('.js')) continue
    const code = readFileSync(join(compiled, 'src', name), 'utf8')
    const target = join(folder, 'src', name)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, instrument(code).code)
  }
  return folder
}

async function fuzzCommand(c: FuzzCommand): Promise<number> {
  const folder = instrumented()
  let [inputs, problems] = [0, 0]
  try {
    for (const [i, target] of c.targets.entries()) {
      const ms =
        c.minutes === undefined ? Number.MAX_SAFE_INTEGER : (c.minutes * MINUTE_MS) / c.targets.length
      const job: Job = { target, seed: c.seed + i, inputs: c.inputs, ms, replay: c.replay }
      const report = await inProcess(folder, job, c.say)
      problems += told(target, report, c)
      inputs += report?.inputs ?? 0
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  c.say(`${inputs.toLocaleString('en')} inputs from seed ${c.seed} on, ${problems} problems`)
  return problems === 0 ? 0 : 1
}

/** Says what was found; returns the number of problems. */
function told(target: string, report: Report | undefined, { say }: FuzzCommand): number {
  if (report === undefined) {
    say(`${target}: its process has ended before it was done`)
    return 1
  }
  for (const { what, input, alone } of report.failures) {
    say(`${target}: ${what}`)
    say(
      `  ${alone ? 'again' : 'not by itself'}: npm run torture -- fuzz --target ${target} --replay ${input}`,
    )
    say(`  which is ${JSON.stringify(Buffer.from(input, 'base64').toString('latin1')).slice(0, 400)}`)
  }
  const { inputs, cpuSeconds, corpus, reached, places, residentBytes } = report
  const rate = Math.round(inputs / Math.max(cpuSeconds, 0.001))
  say(
    `${target.padEnd(14)} ${String(inputs).padStart(10)} inputs ${String(rate).padStart(8)} a CPU second, ${corpus} kept, ` +
      `${reached} of ${places} places, ${Math.round(residentBytes / 1e6)} MB`,
  )
  return report.failures.length
}

/** undefined where the process has ended without a report. */
function inProcess(folder: string, job: Job, say: (line: string) => void): Promise<Report | undefined> {
  return new Promise((resolve) => {
    const program = join(folder, 'test', 'torture', 'fuzz', 'process.js')
    const child = startChild(process.execPath, [`--max-old-space-size=${HEAP_MB}`, program], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    })
    let report: Report | undefined
    child.on(
      'message',
      (m: { report?: Report; progress?: { inputs: number; seconds: number; reached: number } }) => {
        report = m.report ?? report
        if (m.progress === undefined) return
        const { inputs, seconds, reached } = m.progress
        say(`  ${job.target}: ${inputs} inputs, ${Math.round(inputs / seconds)}/s, ${reached} places`)
      },
    )
    child.on('exit', () => resolve(report))
    child.send(job)
  })
}

/** What the command line gives besides inputs and seed. */
interface Given {
  readonly inputs: string | undefined
  readonly minutes: string | undefined
  readonly target: string | undefined
  readonly replay: string | undefined
}

/** `npm run torture -- fuzz`. Returns the exit code. */
export async function fuzzed(
  inputs: number,
  seed: number,
  say: (line: string) => void,
  o: Given,
): Promise<number> {
  const targets = targetNames.filter((n) => o.target === undefined || n === o.target)
  const minutes = o.minutes === undefined ? undefined : Number(o.minutes)
  const wrong =
    targets.length === 0
      ? `there is no target ${o.target}; there are ${targetNames.join(', ')}`
      : minutes !== undefined && !(minutes > 0)
        ? '--minutes takes a number'
        : undefined
  if (wrong !== undefined) {
    process.stderr.write(`${wrong}\n`)
    return 64
  }
  const isTimed = minutes !== undefined && o.inputs === undefined
  const count = isTimed ? Number.MAX_SAFE_INTEGER : inputs
  return await fuzzCommand({ targets, seed, inputs: count, minutes, replay: o.replay, say })
}

/** In lines as long as those of the help. */
function wrapped(names: readonly string[]): string {
  return names.join(', ').replace(/(.{80,110}?,) /g, '$1\n        ')
}

export const fuzzHelp = `fuzz    Inputs for single parts of the broker, within one process, that are changed further where they reach code that none
        has reached before. Each part has its own idea of what may happen: what is read is the same when written again, two
        implementations agree, an error is of the expected kind, an answer comes. No input takes more than 100 ms of
        processor time. A failing input is made short and printed, to be replayed (--replay). --inputs are those of each part,
        100,000 where nothing is said; --minutes are shared by all; --target chooses one of
        ${wrapped(targetNames)}
`
