/** Kills the broker at random moments under a mixed load, or ends it, starts it again and looks for what it has lost or mixed up. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrokerProcess, runCli, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { table } from '../support/wire.ts'
import { AgainActor, ChainActor } from './chain-actor.ts'
import { DeadLetterActor, type DeadLetterOptions, StreamActor, TxActor } from './other-actors.ts'
import { type Actor, QueueActor, type QueueActorOptions } from './queue-actor.ts'
import { type Random, randomOf } from './random.ts'
import { TopologyActor } from './topology-actor.ts'
import { endOf } from './vitals.ts'

export interface CrashOptions {
  readonly rounds: number
  readonly seed: number
  /** Told of each round. */
  readonly say?: (line: string) => void
}

/** Before the kill of a round; some tenths of a second. */
const CONFIRMS_MAX = 6000

/** A round ends with SIGTERM in place of SIGKILL. */
const TERMINATED_ONE_IN = 4

/** By then more has gathered than stays in memory. */
const PAGED_ROUNDS = 20

const one = (): number => 0

const queueActors: readonly QueueActorOptions[] = [
  { name: 'plain', group: one, lively: true },
  // The order is that of each.
  { name: 'several', producers: 3, group: (id) => id % 3 },
  { name: 'fanout', queues: 3, exchange: { type: 'fanout' }, group: one, lively: true },
  {
    name: 'priority',
    args: { 'x-max-priority': 4 },
    properties: (id) => ({ priority: id % 5 }),
    group: (id) => id % 5,
    lively: true,
  },
  { name: 'quorum', args: { 'x-queue-type': 'quorum', 'x-delivery-limit': -1 }, lively: true },
  { name: 'large', bytes: 400_000, window: 12, group: one, lively: true },
  // More than stays in memory.
  { name: 'backlog', bytes: 20_000, window: 100, group: one },
  { name: 'short', args: { 'x-max-length': 40 }, maxLength: 40, group: one },
  {
    name: 'full',
    args: { 'x-max-length': 40, 'x-overflow': 'reject-publish' },
    group: one,
    lively: true,
  },
  {
    name: 'expiring',
    args: { 'x-message-ttl': 150, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'expired' },
    target: 'expired',
  },
  {
    name: 'delayed',
    exchange: { type: 'x-delayed-message', args: { 'x-delayed-type': 'fanout' } },
    properties: (_, random) => ({ headers: table({ 'x-delay': 1 + random(400) }) }),
    window: 20,
  },
  {
    name: 'once',
    args: { 'x-message-deduplication': true, 'x-cache-size': 100_000 },
    properties: (id) => ({ headers: table({ 'x-deduplication-header': `m${id}` }) }),
    copies: 2,
    again: true,
    group: one,
  },
]

const deadLetterActors: readonly DeadLetterOptions[] = [
  { name: 'dead', args: { 'x-max-length': 60 } },
  {
    name: 'dead-at-least-once',
    args: {
      'x-queue-type': 'quorum',
      'x-delivery-limit': -1,
      'x-overflow': 'reject-publish',
      'x-dead-letter-strategy': 'at-least-once',
    },
  },
]

/** Octets; of more than one segment. */
const limitedStream = { 'x-max-length-bytes': 200_000, 'x-stream-max-segment-size-bytes': 50_000 }

function actorsOf(random: Random): Actor[] {
  const own = (): Random => randomOf(random(2 ** 31))
  const queues = queueActors.map((o) => new QueueActor(o, own()))
  const deadLetters = deadLetterActors.map((o) => new DeadLetterActor(o, own()))
  const streams = [new StreamActor('stream', own()), new StreamActor('stream-limited', own(), limitedStream)]
  const others = [new TxActor(own()), new TopologyActor(own()), new ChainActor(own()), new AgainActor(own())]
  return [...queues, ...deadLetters, ...streams, ...others]
}

/** @returns what was wrong, with the round */
export async function crashRounds({ rounds, seed, say = () => {} }: CrashOptions): Promise<string[]> {
  const random = randomOf(seed)
  const actors = actorsOf(random)
  const dir = mkdtempSync(join(tmpdir(), 'leveret-torture-'))
  const problems: string[] = []
  let paged = false
  for (let round = 1; round <= rounds; round++) {
    const began = performance.now()
    const broker = await startProcess(dir)
    const startMs = Math.round(performance.now() - began)
    const found = await inRound(broker, actors, random, async () => {
      paged ||= await hasPagedOut(dir)
      if (random(2) === 0) await runIntoAlarm(dir)
    })
    for (const text of found) problems.push(`round ${round}: ${text}`)
    say(`round ${round}: started in ${startMs} ms, ${found.length === 0 ? 'all there' : found.join('; ')}`)
  }
  const broker = await startProcess(dir)
  problems.push(...(await checked(broker, actors)).map((text) => `at the end: ${text}`))
  problems.push(...(await endOf(broker)).map((text) => `at the end: ${text}`))
  say(`confirmed: ${actors.map((a) => `${a.name} ${a.confirmed}`).join(', ')}`)
  for (const a of actors) if (a.confirmed === 0) problems.push(`${a.name} has done nothing`)
  if (!paged && rounds >= PAGED_ROUNDS) problems.push('nothing was paged out')
  if (problems.length === 0) rmSync(dir, { recursive: true, force: true })
  else say(`the data folder is ${dir}`)
  return problems
}

async function checked(broker: BrokerProcess, actors: readonly Actor[]): Promise<string[]> {
  const problems: string[] = []
  for (const actor of actors) {
    try {
      problems.push(...(await actor.check(broker.url)).slice(0, 5).map((text) => `${actor.name}: ${text}`))
    } catch (error) {
      problems.push(`${actor.name}: ${(error as Error).message}`)
    }
  }
  return problems
}

/** Whether some queue has messages that are on disk only. */
async function hasPagedOut(dir: string): Promise<boolean> {
  const { stdout } = await runCli(['list_queues', 'messages_paged_out', '--data-dir', dir])
  return /^[1-9]\d*$/m.test(stdout)
}

/** Publishers are blocked until the broker is killed, while what is due goes on or waits. */
async function runIntoAlarm(dir: string): Promise<void> {
  await runCli(['set_disk_free_limit', '1000TB', '--data-dir', dir])
  // Takes as long as some of the delays.
  await runCli(['list_queues', 'name', '--data-dir', dir])
}

/** @param busy awaited before the kill */
async function inRound(
  broker: BrokerProcess,
  actors: readonly Actor[],
  random: Random,
  busy: () => Promise<void>,
): Promise<string[]> {
  const problems = await checked(broker, actors)
  let killed = false
  const work = actors.map(async (actor) => {
    try {
      await actor.work(broker.url)
    } catch (error) {
      if (!killed) problems.push(`${actor.name}: ${(error as Error).message}`)
    }
  })
  const total = (): number => actors.reduce((sum, a) => sum + a.confirmed, 0)
  const confirms = total() + 1 + random(CONFIRMS_MAX)
  await until(() => total() >= confirms || problems.length > 0, `${confirms} confirms`)
  await busy()
  killed = true
  const signal = random(TERMINATED_ONE_IN) === 0 ? 'SIGTERM' : 'SIGKILL'
  const how = await broker.stop(signal)
  if (signal === 'SIGTERM' && how !== 0) problems.push(`it ended with ${how}`)
  await Promise.all(work)
  for (const line of broker.lines) if (/"level":(50|60)/.test(line)) problems.push(`the log says ${line}`)
  return problems
}
