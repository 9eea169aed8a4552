/**
 * `npm run bench -- --cluster`: three nats-servers and three brokers as processes on this machine, beside one Leveret and,
 * with --rabbitmq, a quorum queue with one replica; they take turns. Needs nats-server (NATS_SERVER=). Some ten minutes.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import amqp from 'amqplib'
import { Traffic } from '../cluster/engine/traffic.ts'
import { natsVersion } from '../support/nats.ts'
import { type BrokerOfCluster, pause, RealCluster } from '../support/real-cluster.ts'
import { runJob } from './run-job.ts'
import { cpuSeconds, startLeveret, startRabbit, type Target } from './targets.ts'
import { backlogWorkloads, type Flow, workloads } from './workloads.ts'

export interface ClusterBenchOptions {
  readonly rounds: number
  readonly seconds: number
  readonly rabbitmq: boolean
  readonly ports: { readonly leveret: number; readonly rabbit: number }
  readonly quick: boolean
}

const MEGA = 1_000_000
/** A second, while a node joins. */
const JOIN_RATE = 10_000
const FIRST_CONFIRMS = 10
/** Pauses that are noted. */
const PAUSE_MS = 20
/** Messages that a producer has unconfirmed. */
const WINDOWS = [1000, 4000]
const QUORUM = { 'x-queue-type': 'quorum' }

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const note = (line: string): void => void process.stderr.write(`${line}\n`)

function quantile(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}

const count = (n: number): string => Math.round(n).toLocaleString('en-US')
const ms = (n: number): string => (n < 100 ? n.toFixed(2) : String(Math.round(n)))

/** Durable, confirmed and acknowledged, as the workload of that name. */
function durableFlow(seconds: number, more: Partial<Flow> = {}): Flow {
  const w = workloads(seconds, false).find((x) => x.name === 'durable, confirmed and acked, 100 B')
  if (w?.flow === undefined) throw new Error('there is no such workload')
  return { ...w.flow, ...more }
}

async function flowRate(url: string, flow: Flow): Promise<number> {
  const { flow: f } = await runJob({ kind: 'flow', url, flow })
  return f === undefined ? 0 : f.received / f.seconds
}

/** ms from each publish to its confirm, one after the other. */
async function confirmTimes(url: string, seconds: number, args: object): Promise<number[]> {
  const c = await amqp.connect(url)
  const ch = await c.createConfirmChannel()
  const queue = 'bench-window-1'
  await ch.assertQueue(queue, { durable: true, arguments: args })
  const times: number[] = []
  const body = Buffer.alloc(100, 'x')
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const began = performance.now()
    await new Promise<void>((resolve, reject) =>
      ch.sendToQueue(queue, body, { persistent: true }, (e) => (e === null ? resolve() : reject(e))),
    )
    times.push(performance.now() - began)
  }
  await ch.deleteQueue(queue)
  await c.close()
  return times
}

interface Peer {
  readonly name: string
  readonly url: () => Promise<string>
  readonly args: { [name: string]: string }
}

async function speeds(peers: readonly Peer[], { rounds, seconds }: ClusterBenchOptions): Promise<void> {
  const rates = WINDOWS.map(() => new Map<string, number[]>())
  const waits = new Map<string, number[]>()
  for (let round = 1; round <= rounds; round++)
    for (const { name, url, args } of peers) {
      for (const [i, window] of WINDOWS.entries()) {
        const rate = await flowRate(await url(), durableFlow(seconds, { arguments: args, window }))
        rates[i]?.set(name, [...(rates[i]?.get(name) ?? []), rate])
      }
      const times = await confirmTimes(await url(), seconds, args)
      waits.set(name, [...(waits.get(name) ?? []), ...times])
      const last = rates.map((r) => count(r.get(name)?.at(-1) ?? 0)).join(' and ')
      note(`round ${round}  ${name.padEnd(24)} ${last}/s, window 1 p50 ${ms(quantile(times, 0.5))} ms`)
    }
  say(`\n| | ${peers.map((p) => p.name).join(' | ')} |\n| --- |${' --- |'.repeat(peers.length)}`)
  const row = (what: string, cell: (name: string) => string): void =>
    say(`| ${what} | ${peers.map((p) => cell(p.name)).join(' | ')} |`)
  const of = (m: Map<string, number[]>, name: string, q: number): number => quantile(m.get(name) ?? [], q)
  for (const [i, window] of WINDOWS.entries()) {
    const found = rates[i] ?? new Map<string, number[]>()
    row(
      `100 B, durable, confirmed and acknowledged, window ${window}: a second, median (least to most)`,
      (n) => {
        const [middle, least, most] = [0.5, 0, 1].map((q) => count(of(found, n, q)))
        return `${middle} (${least} to ${most})`
      },
    )
    const first = of(found, peers[0]?.name ?? '', 0.5)
    row('the cluster is as fast', (n) => `${(first / of(found, n, 0.5)).toFixed(1)}x`)
  }
  row('window 1, ms: p50 (p99)', (n) => `${ms(of(waits, n, 0.5))} (${ms(of(waits, n, 0.99))})`)
}

/** CPU of a standby without clients beside that of the active node. */
async function standbyCpu(cluster: RealCluster, seconds: number): Promise<void> {
  const active = await cluster.serving()
  const used = (): number[] => cluster.brokers.map((b) => cpuSeconds(b.child?.pid as number))
  const before = used()
  const rate = await flowRate(urlOf(active), durableFlow(seconds))
  const cpu = used().map((c, i) => c - (before[i] ?? 0))
  const own = cpu[cluster.brokers.indexOf(active)] ?? 0
  const others = cpu.filter((_, i) => cluster.brokers[i] !== active)
  say(
    `\nCPU at ${count(rate)}/s: active ${own.toFixed(2)} s in ${seconds} s; a standby ${others.map((o) => `${((100 * o) / own).toFixed(0)} %`).join(' and ')} of that`,
  )
}

const urlOf = (b: BrokerOfCluster): string => `amqp://guest:guest@127.0.0.1:${b.port}`

/** Longest pauses in the deliveries of a steady traffic, with what the record finds wrong. */
async function pauses(
  cluster: RealCluster,
  what: string,
  times: number,
  fault: () => Promise<() => void>,
): Promise<void> {
  const longest: number[] = []
  const problems: string[] = []
  for (let i = 1; i <= times; i++) {
    const traffic = new Traffic(cluster.urls, PAUSE_MS)
    await traffic.start()
    await traffic.confirms(FIRST_CONFIRMS)
    await pause(700)
    const mend = await fault()
    await cluster.serving()
    await pause(2500)
    mend()
    await cluster.whole()
    await traffic.finish()
    problems.push(...traffic.problems)
    longest.push(Math.max(0, ...traffic.gaps))
    note(`${what} ${i}: ${longest.at(-1)} ms ${traffic.problems.slice(0, 3).join('; ')}`)
  }
  say(
    `${what}, ${times} times: pause in the deliveries median ${ms(quantile(longest, 0.5))} ms, worst ${ms(quantile(longest, 1))} ms; ${problems.length} problems`,
  )
}

/** A standby loses its folder and copies a store with many messages, while others are confirmed. */
async function join1M(cluster: RealCluster, messages: number): Promise<void> {
  const active = await cluster.serving()
  const { fill } = backlogWorkloads(messages)
  await runJob({ kind: 'flow', url: urlOf(active), flow: fill.flow as Flow })
  await cluster.whole()
  const joiner = cluster.brokers.find((b) => b !== active) as BrokerOfCluster
  await joiner.stop('SIGKILL')
  for (const name of readdirSync(joiner.dir)) rmSync(join(joiner.dir, name), { recursive: true, force: true })
  const flow = durableFlow(20, { queue: 'meanwhile', rate: JOIN_RATE })
  const traffic = runJob({ kind: 'flow', url: urlOf(active), flow })
  await pause(1000)
  const began = performance.now()
  joiner.run()
  await cluster.whole()
  const took = (performance.now() - began) / 1000
  const { flow: f } = await traffic
  say(
    `an empty folder joins a store of ${count(messages)} messages: ${took.toFixed(1)} s, while ${count((f?.confirmed ?? 0) / (f?.seconds ?? 1))} a second were confirmed`,
  )
}

async function others(o: ClusterBenchOptions): Promise<{ target: Target; peer: Peer }[]> {
  const leveret = await startLeveret(o.ports.leveret)
  const list = [{ target: leveret, peer: { name: 'Leveret alone', url: async () => leveret.url, args: {} } }]
  if (!o.rabbitmq) return list
  const rabbit = await startRabbit(o.ports.rabbit)
  const peer = { name: 'RabbitMQ, quorum queue', url: async () => rabbit.url, args: QUORUM }
  return [...list, { target: rabbit, peer }]
}

export async function clusterBench(o: ClusterBenchOptions): Promise<void> {
  const version = natsVersion()
  if (version === undefined)
    throw new Error('nats-server is not there: say where it is, NATS_SERVER=/path/to/nats-server')
  const began = performance.now()
  const cluster = await RealCluster.start()
  const beside = await others(o)
  try {
    await cluster.whole()
    say(`Three brokers and three of ${version}, on one machine; ${new Date().toISOString().slice(0, 16)}`)
    const url = async (): Promise<string> => urlOf(await cluster.serving())
    await speeds([{ name: 'three nodes', url, args: {} }, ...beside.map((b) => b.peer)], o)
    for (const { target } of beside.splice(0)) await target.stop()
    await standbyCpu(cluster, o.seconds)
    const times = o.quick ? 3 : 20
    await pauses(cluster, 'active node killed', times, async () => {
      const active = await cluster.serving()
      await active.stop('SIGKILL')
      return () => active.run()
    })
    await pauses(cluster, 'planned switch', times, async () => {
      await cluster.promoteAnother()
      return () => {}
    })
    await join1M(cluster, o.quick ? MEGA / 10 : MEGA)
    note(`${Math.round((performance.now() - began) / 1000)} s in all`)
  } finally {
    for (const { target } of beside) await target.stop()
    await cluster.stop()
  }
}
