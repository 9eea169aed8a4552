/** `npm run torture`: what the tests do for a moment, for as long as one likes. */
import { parseArgs } from 'node:util'
import { canFailCalls, kinds } from '../support/nth-call.ts'
import { crashRounds } from './crash.ts'
import { differential, differentialHelp } from './differential/command.ts'
import { endurance } from './endurance.ts'
import { failingCalls } from './failing-calls.ts'
import { fuzzed, fuzzHelp } from './fuzz/command.ts'
import { hostileInputs } from './hostile.ts'
import { modelSeeds, noMarks } from './model.ts'
import { marks } from './model-marks.ts'
import { MARGIN_BYTES, overload } from './overload.ts'
import { inEachSeed, journalSeed, storeSeed } from './power-cut.ts'
import { streamSeeds } from './stream-model.ts'

const help = `Usage: npm run torture -- crash [--rounds N] [--seed N]
       npm run torture -- hostile [--inputs N] [--seed N]
       npm run torture -- failing-calls [--every N] [--seed N]
       npm run torture -- power-cut [--seeds N] [--seed N]
       npm run torture -- model [--seeds N] [--steps N] [--seed N]
       npm run torture -- differential [--seeds N] [--steps N] [--seed N] [--replay FILE]
       npm run torture -- endurance [--minutes N] [--pace X] [--out FOLDER] [--seed N]
       npm run torture -- overload [--minutes N]
       npm run torture -- fuzz [--target NAME] [--inputs N | --minutes N] [--seed N] [--replay INPUT]

crash   Kills the broker (SIGKILL) at random moments, or ends it, under a mixed load on one data folder: confirms,
        acknowledgements, returns, rejects, transactions, TTL and dead letters, length limits, purge, delete and declare
        again, streams, priorities, quorum queues, delayed and deduplicated messages, fanout, large bodies, paging, several
        producers, exchanges and bindings, chains of full queues; in half of the rounds the disk is short of space at the
        end. After each restart every queue is compared with the driver's own record: nothing confirmed is lost, nothing is
        there twice, nothing that was settled, purged or rolled back comes back, what was delivered before is marked, order
        is kept, transactions are whole, bodies are whole, queues are there or not as was answered.

hostile Sends a broker sessions of AMQP and requests of the HTTP API and of the metrics that are valid but for some changes,
        as a user who is no administrator. The process lives on, logs no failure of its own, has no more than 700 MB of
        memory, and serves a client that publishes, waits for the confirm and takes the message, again and again.

failing-calls   Lets each write, sync, change of size and mapping of a file in the data folder fail, with EIO and with ENOSPC,
        one run of the broker for each, while it declares, publishes, moves messages by transactions, deletes and stops: it
        says what has happened and confirms nothing it has not, or goes on, and the next start has everything. Needs Linux and
        a C compiler.

power-cut   Power cuts and failing writes under the journal, and under journal and store, on a disk in memory that keeps what
        was synced and a random part of the rest, torn between sectors: nothing that was answered is lost, nothing is
        half there, and single writes fail with EIO and with ENOSPC.

model   The broker's model and channels, without sockets, with memory for a disk and with a clock that is told the time, beside an
        oracle of a thousand lines: publish, round robin, prefetch, acknowledgements, requeues, dead letters, TTL, length
        limits, priorities, single active consumers, transactions, purge, delete, cancel, policies that change, quorum
        queues; in two of three seeds it ends and begins again, and messages leave memory. What each client hears and the
        counts of each queue are compared after every step. The first difference is said with the fewest steps that show it;
        at the end, how often each rare branch was reached. Then as many seeds of a stream: offsets, readers, retention.

${differentialHelp}
endurance   Connections, channels, queues of every kind, exchanges, bindings, consumers, TTL, dead letters, policies, vhosts,
        users, streams, priorities, delays, transactions, large bodies, a backlog, pollers of the HTTP API and scrapes of the
        metrics come and go. Every ten seconds it takes the heap behind a collection of garbage, the resident memory without
        mapped files, descriptors, active handles, the size of the data folder and how long a small question waits for its
        answer. Each is flat where the median of the last fifth is not above that of the second fifth by more than a
        tolerance, which is said. Writes endurance.json and endurance.svg.

overload    Six producers at full speed, four of them without a consumer, on a broker with a memory limit of 160 MB. When its
        folder has 3 GB, consumers take everything, and it starts again. The limit is kept but for a margin, the producers
        hear connection.blocked, everything confirmed arrives once and in order, and a backup of the drained broker is small.

${fuzzHelp}
--rounds N   how often it is killed; 100 where nothing is said
--inputs N   sessions and requests; 100,000 where nothing is said
--every N    only each so many calls; 1 where nothing is said
--seeds N    so many seeds from the first one on; 10,000 where nothing is said, 1,000 for differential
--minutes N  120 for endurance and 10 for overload where nothing is said
--pace X     the pauses between pieces of work, by which less is more load; 1 where nothing is said
--out FOLDER where the figures and the chart go; the current folder where nothing is said
--steps N    the steps of each seed, without its end; 200 where nothing is said, 60 for differential
--seed N     repeats the same choices (not the same moments); a random one where nothing is said; for power-cut, model
             and differential the first seed, 1
`

/** Of a seed of the model. */
const STEPS = 200

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      inputs: { type: 'string' },
      every: { type: 'string' },
      seeds: { type: 'string' },
      steps: { type: 'string' },
      minutes: { type: 'string' },
      pace: { type: 'string' },
      out: { type: 'string' },
      target: { type: 'string' },
      replay: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const torture = tortures[positionals[0] ?? '']
  if (values.help === true || torture === undefined) {
    process.stdout.write(help)
    return values.help === true ? 0 : 64
  }
  const count = Number(values[torture.option] ?? torture.count)
  const seed = Number(values.seed ?? torture.seed ?? Date.now() % 1_000_000)
  const more = {
    steps: Number(values.steps ?? torture.steps ?? STEPS),
    pace: Number(values.pace ?? 1),
    out: values.out ?? '.',
    inputs: values.inputs,
    minutes: values.minutes,
    target: values.target,
    replay: values.replay,
  }
  if (![count, seed, more.steps].every(Number.isInteger) || count < 1 || more.steps < 1 || !(more.pace > 0)) {
    process.stderr.write(
      '--rounds, --inputs, --every, --seeds, --minutes, --steps and --seed take whole numbers\n',
    )
    return 64
  }
  return await torture.run(count, seed, (line) => void process.stdout.write(`${line}\n`), more)
}

interface Torture {
  /** How much of it there is; where nothing is said `count`. */
  readonly option: 'rounds' | 'inputs' | 'every' | 'seeds' | 'minutes'
  readonly count: number
  /** undefined = a random one. */
  readonly seed?: number
  /** undefined = STEPS */
  readonly steps?: number
  run(count: number, seed: number, say: Say, more: More): Promise<number>
}

interface More {
  readonly steps: number
  readonly pace: number
  readonly out: string
  /** As they were given. */
  readonly inputs: string | undefined
  readonly minutes: string | undefined
  readonly target: string | undefined
  readonly replay: string | undefined
}

type Say = (line: string) => void

async function crash(rounds: number, seed: number, say: Say): Promise<number> {
  say(`seed ${seed}, ${rounds} rounds`)
  const problems = await crashRounds({ rounds, seed, say })
  say(problems.length === 0 ? 'nothing lost, nothing mixed up' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

async function hostile(inputs: number, seed: number, say: Say): Promise<number> {
  say(`seed ${seed}, ${inputs} inputs`)
  const problems = await hostileInputs({ inputs, seed, say })
  for (const p of problems) say(p)
  say(problems.length === 0 ? 'it lives, and has served others' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

async function failing(every: number, first: number, say: Say): Promise<number> {
  if (!canFailCalls) {
    say('this needs Linux and gcc')
    return 1
  }
  const problems = await failingCalls({ kinds, codes: ['EIO', 'ENOSPC'], first, every, say })
  say(problems.length === 0 ? 'each ended well' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

async function powerCut(seeds: number, first: number, say: Say): Promise<number> {
  const problems = await inEachSeed(journalSeed, first, seeds)
  say(`the journal: ${seeds} seeds from ${first} on`)
  problems.push(...(await inEachSeed(storeSeed, first, seeds)))
  say(`journal and store: ${seeds} seeds`)
  const failing = Math.ceil(seeds / 10)
  for (const code of ['EIO', 'ENOSPC'] as const)
    problems.push(...(await inEachSeed((n) => storeSeed(n, { at: 1 + (n % 100), code }), first, failing)))
  say(`a write that fails: ${failing} seeds each`)
  for (const p of problems) say(p)
  say(problems.length === 0 ? 'nothing lost, nothing half there' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

async function model(seeds: number, first: number, say: Say, { steps }: More): Promise<number> {
  const found = noMarks()
  const began = process.cpuUsage()
  const problems = await modelSeeds(first, seeds, steps, found)
  problems.push(...(await streamSeeds(first, seeds, steps, found)))
  const { user, system } = process.cpuUsage(began)
  for (const m of marks) say(`${String(found.reached.get(m) ?? 0).padStart(10)}  ${m}`)
  const perMinute = Math.round(found.steps / ((user + system) / 60e6))
  say(`${found.steps} steps of ${seeds} seeds from ${first} on; ${perMinute} a minute of processor time`)
  for (const p of problems) say(p)
  say(problems.length === 0 ? 'the broker does what the oracle does' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

/** Between two samples. */
const SAMPLE_MS = 10_000

async function enduring(minutes: number, seed: number, say: Say, { pace, out }: More): Promise<number> {
  say(`seed ${seed}, ${minutes} minutes`)
  const samples = Math.ceil((minutes * 60_000) / SAMPLE_MS)
  const { problems, done } = await endurance({ samples, everyMs: SAMPLE_MS, seed, pace, say, out })
  for (const [name, pieces] of done) say(`${String(pieces).padStart(10)}  ${name}`)
  for (const p of problems) say(p)
  say(
    problems.length === 0 ? 'everything is flat, and nothing is left behind' : `${problems.length} problems`,
  )
  return problems.length === 0 ? 0 : 1
}

const [MEMORY_LIMIT, FOLDER_BYTES, ROUND_MS] = [160_000_000, 3e9, 60_000]

async function overloaded(minutes: number, _: number, say: Say): Promise<number> {
  const bounds = { memoryLimit: MEMORY_LIMIT, folderBytes: FOLDER_BYTES, roundMs: ROUND_MS }
  say(`${minutes} minutes, ${MEMORY_LIMIT / 1e6} MB of memory and a margin of ${MARGIN_BYTES / 1e6}`)
  const { problems, confirmed, rounds, mostBytes } = await overload({ ms: minutes * 60_000, ...bounds, say })
  say(
    `${confirmed} messages confirmed in ${rounds} rounds, at most ${Math.round(mostBytes / 1e6)} MB of memory`,
  )
  for (const p of problems) say(p)
  say(problems.length === 0 ? 'the limit is kept, and nothing is lost' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

const tortures: { readonly [name: string]: Torture } = {
  crash: { option: 'rounds', count: 100, run: crash },
  fuzz: { option: 'inputs', count: 100_000, seed: 1, run: fuzzed },
  hostile: { option: 'inputs', count: 100_000, run: hostile },
  'failing-calls': { option: 'every', count: 1, seed: 1, run: failing },
  'power-cut': { option: 'seeds', count: 10_000, seed: 1, run: powerCut },
  model: { option: 'seeds', count: 10_000, seed: 1, run: model },
  differential: { option: 'seeds', count: 1000, seed: 1, steps: 60, run: differential },
  endurance: { option: 'minutes', count: 120, run: enduring },
  overload: { option: 'minutes', count: 10, run: overloaded },
}

process.exitCode = await main()
