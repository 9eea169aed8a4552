/** The benchmark: see `help`. Brokers take turns within each round; tables show medians and ratios. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { freePortFrom } from '../support/port.ts'
import { clusterBench } from './cluster.ts'
import { memoryTable, startTable } from './extras.ts'
import { runJob } from './run-job.ts'
import { scale } from './scale.ts'
import { stalls } from './stalls.ts'
import { type Measure, show, workloadTable } from './tables.ts'
import { cpuSeconds, givenPeer, residentBytes, startLeveret, startRabbit, type Target } from './targets.ts'
import { backlogWorkloads, type Job, named, type Workload, workloads } from './workloads.ts'

/** The first ports that are tried. */
const LEVERET_PORT = 15_680
const RABBIT_PORT = 15_720
const SAMPLE_MS = 100
/** With --all: seconds of each run, messages of the backlog, ms in which rounds may end, messages at the start. */
const ALL = { seconds: 2, backlog: 200_000, roundsMs: 7 * 60_000, startMessages: 10_000_000 }

const help = `Usage: npm run bench -- [--rabbitmq] [--rabbitmq-root DIR] [--peer amqp://...]... [--only TEXT] [--json FILE]
Measures Leveret, and other brokers in turn with it: nothing else should run at the same time.

--rabbitmq            beside the rabbitmq-server that is installed
--rabbitmq-root DIR   beside the one in that folder, such as debootstrap makes
--peer URL            beside a running broker; #pid=123 behind it adds its CPU time
--rounds N            rounds of all workloads, of which the median is shown (3)
--seconds N           length of a run (3)
--quick               short runs
--only TEXT           workloads whose name holds the text
--json FILE           writes the figures to a file
--all                 everything in eight minutes: one round, memory after floods, starts with 10 million messages
--backlog N           what a backlog of N messages costs
--stalls              how long operators' acts on 100,000 queues hold up the others
--scale               what a million bindings, 20,000 connections, 10,000 policies and 2,000 vhosts take
--cluster             three nodes; needs NATS_SERVER, the path of nats-server
`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    rabbitmq: { type: 'boolean' },
    peer: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string' },
    quick: { type: 'boolean' },
    only: { type: 'string' },
    backlog: { type: 'string' },
    cluster: { type: 'boolean' },
    /** How long operators hold up everybody else: see stalls.ts. */
    stalls: { type: 'boolean' },
    /** What very many objects take: see scale.ts. */
    scale: { type: 'boolean' },
    all: { type: 'boolean' },
    'rabbitmq-root': { type: 'string' },
    json: { type: 'string' },
  },
})

if (values.help === true) {
  process.stdout.write(help)
  process.exit(0)
}

async function measure(w: Workload, target: Target, round: number): Promise<Measure> {
  const { pid } = target
  const used = (): number => (pid === undefined ? 0 : cpuSeconds(pid))
  const cpuBefore = used()
  let [warmAt, warmCpu, share] = [0, 0, 0]
  let peak = 0
  const sample = (): void => {
    if (pid !== undefined) peak = Math.max(peak, residentBytes(pid))
  }
  const timer = setInterval(sample, SAMPLE_MS)
  const job: Job = w.flow
    ? { kind: 'flow', url: target.url, flow: w.flow }
    : { url: target.url, ...(w.job as NonNullable<Workload['job']>) }
  const result = await runJob(job, {
    ready: sample,
    warm: () => {
      warmAt = performance.now()
      warmCpu = used()
    },
    measured: () => {
      share = ((used() - warmCpu) / (performance.now() - warmAt)) * 100_000
    },
  }).finally(() => clearInterval(timer))
  sample()
  const cpu = used() - cpuBefore
  const f = result.flow
  const count =
    f === undefined ? 0 : w.unit === 'sent' ? f.sent : w.unit === 'confirmed' ? f.confirmed : f.received
  const flowRate = f === undefined ? 0 : w.unit === 'latency' ? f.p50 : count / f.seconds
  const rate = f === undefined ? (result.rate ?? 0) : w.unit === 'cpu' ? share : flowRate
  return {
    workload: w.name,
    target: target.name,
    round,
    rate,
    p99: f?.p99 ?? 0,
    perCpuSecond: cpu > 0 && count > 0 ? count / cpu : 0,
    peakMegabytes: peak / 1e6,
  }
}

/** Fills a durable queue, restarts the broker with it on disk, and drains it. */
async function backlog(messages: number): Promise<void> {
  const target = await startLeveret(await freePortFrom(LEVERET_PORT))
  try {
    const { fill, drain } = backlogWorkloads(messages)
    const show = (m: Measure): void => {
      const rate = Math.round(m.rate).toLocaleString('en-US')
      process.stdout.write(
        `${m.workload}: ${rate} messages a second, at most ${m.peakMegabytes.toFixed(0)} MB\n`,
      )
    }
    show(await measure(fill, target, 1))
    process.stdout.write(
      `start with ${messages} on disk: ${Math.round((await target.restart?.('SIGTERM')) ?? 0)} ms\n`,
    )
    show(await measure(drain, target, 1))
  } finally {
    await target.stop()
  }
}

async function rounds(
  targets: readonly Target[],
  list: readonly Workload[],
  untilMs: number,
): Promise<Measure[]> {
  const all: Measure[] = []
  let longest = 0
  for (let round = 1; round <= Number(values.rounds); round++) {
    const began = performance.now()
    if (round > 1 && began + longest > untilMs) break
    for (const w of list)
      for (const t of targets) {
        const m = await measure(w, t, round)
        all.push(m)
        process.stderr.write(
          `round ${round}  ${t.name.padEnd(16)} ${w.name.padEnd(48)} ${show(m.rate, w.unit)}\n`,
        )
      }
    longest = Math.max(longest, performance.now() - began)
  }
  return all
}

function chosenWorkloads(): Workload[] {
  const all = values.all === true
  const seconds = Number(values.seconds ?? (all ? ALL.seconds : 3))
  const list = workloads(seconds, values.quick === true, all ? ALL.backlog : undefined)
  return values.only === undefined ? list : named(values.only, list)
}

async function main(): Promise<void> {
  const targets = [await startLeveret(await freePortFrom(LEVERET_PORT))]
  const root = values['rabbitmq-root']
  if (values.rabbitmq || root !== undefined)
    targets.push(await startRabbit(await freePortFrom(RABBIT_PORT), root))
  for (const p of values.peer ?? []) targets.push(givenPeer(p))
  const list = chosenWorkloads()
  const once = async (w: Workload, t: Target): Promise<number> => (await measure(w, t, 1)).rate
  let measures: Measure[] = []
  const tables: string[] = []
  try {
    measures = await rounds(targets, list, values.all ? ALL.roundsMs : Number.POSITIVE_INFINITY)
    const names = targets.map((t) => t.name)
    tables.push(workloadTable(measures, list, names))
    if (values.all) tables.push(await memoryTable(targets, Number(values.seconds ?? 5), once))
  } finally {
    for (const t of targets) await t.stop()
  }
  const starts = targets
    .map((t) => `${t.name} ${t.startMs === undefined ? '?' : Math.round(t.startMs)} ms`)
    .join(', ')
  tables.push(`Start to first accepted connection: ${starts}`)
  process.stdout.write(`${tables.join('\n\n')}\n`)
  if (values.all) {
    const messages = values.quick ? ALL.startMessages / 10 : ALL.startMessages
    process.stdout.write(`\n${await startTable(await freePortFrom(LEVERET_PORT), messages, once)}\n`)
  }
  if (values.json === undefined) return
  const startMs = targets.map((t) => t.startMs)
  writeFileSync(values.json, JSON.stringify({ node: process.version, startMs, measures }, null, 2))
}

if (values.stalls === true) await stalls(values.only)
else if (values.scale === true) await scale(values.only)
else if (values.cluster === true)
  await clusterBench({
    rounds: Number(values.rounds),
    seconds: Number(values.seconds ?? 3),
    rabbitmq: values.rabbitmq === true,
    quick: values.quick === true,
    ports: { leveret: LEVERET_PORT, rabbit: RABBIT_PORT },
  })
else await (values.backlog === undefined ? main() : backlog(Number(values.backlog)))
