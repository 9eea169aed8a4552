/**
 * The benchmark. Usage: npm run bench -- [--rabbitmq] [--peer amqp://...]... [--rounds 3] [--seconds 3] [--quick]
 * [--only TEXT] [--json FILE], --backlog MESSAGES for what a long backlog costs, or --cluster [--rabbitmq] for
 * several nodes (needs nats-server, NATS_SERVER=). Brokers take turns within each round; the table shows medians and ratios.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { clusterBench } from './cluster.ts'
import { runJob } from './run-job.ts'
import { cpuSeconds, givenPeer, residentBytes, startLeveret, startRabbit, type Target } from './targets.ts'
import { backlogWorkloads, type Job, type Workload, workloads } from './workloads.ts'

const LEVERET_PORT = 15_680
const RABBIT_PORT = 15_681
const SAMPLE_MS = 100

interface Measure {
  workload: string
  target: string
  round: number
  /** messages (or steps) a second; for latencies ms at p50 */
  rate: number
  p99: number
  perCpuSecond: number
  peakMegabytes: number
}

const { values } = parseArgs({
  options: {
    rabbitmq: { type: 'boolean' },
    peer: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    quick: { type: 'boolean' },
    only: { type: 'string' },
    backlog: { type: 'string' },
    cluster: { type: 'boolean' },
    json: { type: 'string' },
  },
})

async function measure(w: Workload, target: Target, round: number): Promise<Measure> {
  const { pid } = target
  const cpuBefore = pid === undefined ? 0 : cpuSeconds(pid)
  let peak = 0
  const sample = (): void => {
    if (pid !== undefined) peak = Math.max(peak, residentBytes(pid))
  }
  const timer = setInterval(sample, SAMPLE_MS)
  const job: Job = w.flow
    ? { kind: 'flow', url: target.url, flow: w.flow }
    : { url: target.url, ...(w.job as NonNullable<Workload['job']>) }
  const result = await runJob(job, async () => sample())
  clearInterval(timer)
  sample()
  const cpu = pid === undefined ? 0 : cpuSeconds(pid) - cpuBefore
  const f = result.flow
  const count =
    f === undefined ? 0 : w.unit === 'sent' ? f.sent : w.unit === 'confirmed' ? f.confirmed : f.received
  const rate = f === undefined ? (result.rate ?? 0) : w.unit === 'latency' ? f.p50 : count / f.seconds
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

function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function show(n: number, unit: Workload['unit']): string {
  if (unit === 'latency') return `${n.toFixed(2)} ms`
  return n >= 1000 ? Math.round(n).toLocaleString('en-US') : n.toFixed(1)
}

function table(all: Measure[], list: Workload[], targets: Target[]): string {
  const head = [
    'workload',
    ...targets.flatMap((t) => [`${t.name} /s`, 'per CPU s', 'MB']),
    ...targets.slice(1).map((t) => `to ${t.name}`),
  ]
  const rows = list.map((w) => {
    const of = (t: Target, f: (m: Measure) => number): number =>
      median(all.filter((m) => m.workload === w.name && m.target === t.name).map(f))
    const rates = targets.map((t) => of(t, (m) => m.rate))
    const cells = targets.flatMap((t, i) => {
      const p99 = w.unit === 'latency' ? `, p99 ${of(t, (m) => m.p99).toFixed(2)}` : ''
      const cpu = of(t, (m) => m.perCpuSecond)
      return [
        show(rates[i] ?? 0, w.unit) + p99,
        cpu > 0 ? show(cpu, 'rate') : '',
        of(t, (m) => m.peakMegabytes).toFixed(0),
      ]
    })
    const own = rates[0] ?? 0
    const ratios = rates.slice(1).map((r) => `${(w.unit === 'latency' ? r / own : own / r).toFixed(1)}x`)
    return [w.name, ...cells, ...ratios]
  })
  return [head, head.map(() => '---'), ...rows].map((r) => `| ${r.join(' | ')} |`).join('\n')
}

/** Fills a durable queue, restarts the broker with it on disk, and drains it. */
async function backlog(messages: number): Promise<void> {
  const target = await startLeveret(LEVERET_PORT)
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
      `start with ${messages} on disk: ${Math.round((await target.restart?.()) ?? 0)} ms\n`,
    )
    show(await measure(drain, target, 1))
  } finally {
    await target.stop()
  }
}

async function main(): Promise<void> {
  const targets = [await startLeveret(LEVERET_PORT)]
  if (values.rabbitmq) targets.push(await startRabbit(RABBIT_PORT))
  for (const p of values.peer ?? []) targets.push(givenPeer(p))
  const list = workloads(Number(values.seconds), values.quick === true).filter(
    (w) => values.only === undefined || w.name.includes(values.only),
  )
  const all: Measure[] = []
  try {
    for (let round = 1; round <= Number(values.rounds); round++)
      for (const w of list)
        for (const t of targets) {
          const m = await measure(w, t, round)
          all.push(m)
          process.stderr.write(
            `round ${round}  ${t.name.padEnd(10)} ${w.name.padEnd(48)} ${show(m.rate, w.unit)}\n`,
          )
        }
  } finally {
    for (const t of targets) await t.stop()
  }
  const starts = targets
    .map((t) => `${t.name} ${t.startMs === undefined ? '?' : Math.round(t.startMs)} ms`)
    .join(', ')
  process.stdout.write(`${table(all, list, targets)}\n\nStart to first accepted connection: ${starts}\n`)
  if (values.json !== undefined)
    writeFileSync(
      values.json,
      JSON.stringify(
        { node: process.version, startMs: targets.map((t) => t.startMs), measures: all },
        null,
        2,
      ),
    )
}

if (values.cluster === true)
  await clusterBench({
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    rabbitmq: values.rabbitmq === true,
    quick: values.quick === true,
    ports: { leveret: LEVERET_PORT, rabbit: RABBIT_PORT },
  })
else await (values.backlog === undefined ? main() : backlog(Number(values.backlog)))
