/** Lets each call of the disk fail once, one run for each, in a scenario of everything that goes to the disk. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { systemClock } from '../../src/util/clock.ts'
import { endChildren } from '../support/children.ts'
import {
  buildFailingCalls,
  type FailingCall,
  failedCall,
  failingCall,
  type Kind,
} from '../support/nth-call.ts'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import { cameTrue } from '../support/until.ts'
import { Wire } from '../support/wire.ts'
import { type Arguments, count, declare, look, Publisher, readStream, take } from './client.ts'
import { bodyOf, type Found, Record } from './record.ts'
import { endOf } from './vitals.ts'

export interface FailingCallOptions {
  readonly kinds: readonly Kind[]
  readonly codes: readonly FailingCall['code'][]
  /** Only calls on that file, such as `/data.mdb`. */
  readonly file?: string
  /** The number of the first call that fails, and how much larger the next one is. */
  readonly first?: number
  readonly every?: number
  /** Told of each run. */
  readonly say?: (line: string) => void
}

const SMALL_MESSAGES = 20
/** More octets than wait for the store. */
const BULK_MESSAGES = 50
const BULK_BYTES = 100_000
/** Whatever the scenario does, it has fewer calls of one kind. */
const CALLS_MAX = 2000
const PROBLEMS_MAX = 10
/** Of a run, and of the start behind it, which take seconds. */
const RUN_MS_MAX = 120_000

/** From then on nothing is confirmed, until the next start. */
const IS_FINAL = /restart the broker/
/** A warning or an error. */
const SAYS_SO = /"level":[456]0/

/**
 * Its native code frees its memory twice where it cannot open its files, and writes beyond the end of a text where it reports
 * a page that the disk has refused. The process ends, and nothing is lost.
 */
const DIES_IN_LMDB = /SIG(SEGV|BUS|ABRT)\b/
const FILE_OF_LMDB = /(data|lock)\.mdb$/
const diesInLmdb = (ending: string, hit: string): boolean =>
  DIES_IN_LMDB.test(ending) && FILE_OF_LMDB.test(failedCall(hit) ?? '')

const queues: { readonly [name: string]: Arguments } = {
  plain: {},
  quorum: { 'x-queue-type': 'quorum' },
  priority: { 'x-max-priority': 3 },
  moved: {},
}
const STREAM = 'stream'
const BRIEF = 'brief'

/** What a client does, and what it knows afterwards. */
class Scenario {
  readonly record = new Record()
  /** Moved by transactions that were answered. */
  private readonly moved: number[] = []
  /** Whether the queue that is declared and deleted is there; undefined: no answer came. */
  private brief: boolean | undefined = false
  private next = 1
  ended = false

  async run(url: string): Promise<void> {
    const w = await Wire.open(url)
    for (const channel of [1, 2, 3]) await w.channel(channel)
    for (const [name, args] of Object.entries(queues)) await declare(w, name, args)
    await declare(w, STREAM, { 'x-queue-type': 'stream' })
    this.brief = undefined
    await declare(w, BRIEF)
    this.brief = true
    const publisher = await Publisher.on(w, [this.record])
    for (const name of ['plain', 'quorum', 'priority', STREAM])
      await this.publish(publisher, name, SMALL_MESSAGES, 60)
    for (let i = 0; i < SMALL_MESSAGES; i++) await take(w, 'quorum', this.record, i % 4)
    await this.move(w)
    await this.publish(publisher, 'plain', BULK_MESSAGES, BULK_BYTES)
    this.brief = undefined
    await w.call(1, MethodId.QueueDelete, { queue: BRIEF }, MethodId.QueueDeleteOk)
    this.brief = false
    await this.publish(publisher, STREAM, SMALL_MESSAGES, 2000)
    await w.close()
    this.ended = true
  }

  private async publish(publisher: Publisher, routingKey: string, n: number, bytes: number): Promise<void> {
    for (let i = 0; i < n; i++) publisher.publish(this.next++, bytes, { routingKey })
    await publisher.upTo(0)
  }

  private async move(w: Wire): Promise<void> {
    await w.call(3, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    for (let i = 0; i < SMALL_MESSAGES / 2; i++) {
      w.send(3, MethodId.BasicGet, { queue: 'priority' })
      const { method, body } = await w.receive(3, MethodId.BasicGetOk)
      const id = body?.readDoubleBE(0) ?? 0
      w.publish(3, { routingKey: 'moved', body: bodyOf(id, 60), properties: { deliveryMode: 2 } })
      w.send(3, MethodId.BasicAck, { deliveryTag: method.deliveryTag })
      await w.call(3, MethodId.TxCommit, {}, MethodId.TxCommitOk)
      this.moved.push(id)
    }
  }

  async check(url: string): Promise<string[]> {
    const found: Found[] = []
    const w = await Wire.open(url)
    await w.channel(1)
    for (const [name, args] of Object.entries(queues)) {
      await declare(w, name, args)
      const there = await look(url, name)
      found.push(...there)
      if (name !== 'moved') continue
      const lost = this.moved.filter((id) => !there.some((f) => f.id === id))
      if (lost.length > 0) return [`${lost.length} messages of committed transactions are elsewhere`]
    }
    await declare(w, STREAM, { 'x-queue-type': 'stream' })
    found.push(...(await readStream(w, STREAM)))
    const problems = this.record.check(found)
    const brief = await count(w, BRIEF, 2).then(
      () => true,
      () => false,
    )
    if (this.brief !== undefined && this.brief !== brief)
      problems.push(`${BRIEF} is ${brief ? '' : 'not '}there`)
    w.socket.destroy()
    return problems
  }
}

/** What was wrong, with the call that failed. */
export async function failingCalls(o: FailingCallOptions): Promise<string[]> {
  const { say = () => {} } = o
  const root = mkdtempSync(join(tmpdir(), 'leveret-calls-'))
  const library = buildFailingCalls(root)
  const problems: string[] = []
  for (const kind of o.kinds)
    for (const code of o.codes)
      for (let number = o.first ?? 1; problems.length < PROBLEMS_MAX; number += o.every ?? 1) {
        const result = await oneRun(root, library, { kind, number, code, file: o.file })
        if (result === undefined) break
        const what = `${kind} ${number}, ${code} (${result.call})`
        say(`${what}: ${result.problems.length === 0 ? result.ending : result.problems.join('; ')}`)
        problems.push(...result.problems.map((p) => `${what}: ${p}`))
        if (number > CALLS_MAX) problems.push(`${what}: there is no end`)
      }
  if (problems.length === 0) rmSync(root, { recursive: true, force: true })
  return problems
}

interface Result {
  /** Which call failed. */
  readonly call: string
  readonly ending: string
  readonly problems: string[]
}

/** undefined if there were not so many calls. */
async function oneRun(root: string, library: string, call: FailingCall): Promise<Result | undefined> {
  const dir = join(root, `${call.kind}-${call.number}-${call.code}`)
  const hit = `${dir}.hit`
  mkdirSync(dir)
  const scenario = new Scenario()
  let ending = ''
  const problems = await inTime('the run', RUN_MS_MAX, async () => {
    const found = await underFault(dir, hit, failingCall(library, dir, hit, call), scenario)
    ending = found.ending
    return found.problems
  })
  const failed = failedCall(hit)
  if (failed !== undefined)
    problems.push(...(await inTime('the next start', RUN_MS_MAX, () => nextStart(dir, scenario))))
  if (problems.length === 0) rmSync(dir, { recursive: true, force: true })
  return failed === undefined ? undefined : { call: failed, ending, problems }
}

/**
 * The problems that `work` finds. What keeps it from its end is one too: an error, or a broker that neither goes on nor ends,
 * with which everything ends that the work waits for. None of its processes is left.
 */
export async function inTime(what: string, ms: number, work: () => Promise<string[]>): Promise<string[]> {
  const problems: string[] = []
  const timer = systemClock.after(ms, () => {
    problems.push(`${what} was not over after ${ms / 1000} s, and was killed`)
    void endChildren()
  })
  try {
    problems.push(...(await work()))
  } catch (error) {
    problems.push(`${what}: ${(error as Error).message}`)
  } finally {
    timer.cancel()
    await endChildren()
  }
  return problems
}

async function nextStart(dir: string, scenario: Scenario): Promise<string[]> {
  const broker = await startProcess(dir)
  const problems = await scenario.check(broker.url)
  return [...problems, ...(await endOf(broker))]
}

type Ending = Omit<Result, 'call'>

async function underFault(
  dir: string,
  hit: string,
  environment: Readonly<{ [name: string]: string }>,
  scenario: Scenario,
): Promise<Ending> {
  let broker: BrokerProcess
  try {
    broker = await startProcess(dir, 0, [], environment)
  } catch (error) {
    const { message } = error as Error
    const said = /exit code 1\b/.test(message) && SAYS_SO.test(message)
    if (diesInLmdb(message, hit)) return { ending: 'ends in LMDB while it opens', problems: [] }
    return { ending: 'does not start, and says why', problems: said ? [] : [message] }
  }
  const problems: string[] = []
  let failure: unknown
  const work = scenario.run(broker.url).catch((error: unknown) => {
    failure = error
  })
  const isFinal = (): boolean => broker.lines.some((l) => IS_FINAL.test(l))
  const over = (): boolean => scenario.ended || failure !== undefined || isFinal()
  // The scenario ends with its broker at the latest.
  await cameTrue(over, RUN_MS_MAX)
  const final = isFinal()
  const code = await broker.stop('SIGTERM')
  await work
  if (diesInLmdb(String(code), hit)) return { ending: 'ends in LMDB', problems: [] }
  if (!scenario.ended && !final) problems.push(`${(failure as Error).message}; ${broker.lines.join(' ')}`)
  const said = broker.lines.some((l) => SAYS_SO.test(l))
  if (code !== 0 && !(code === 1 && said)) problems.push(`it ended with ${code}: ${broker.lines.at(-1)}`)
  const how = final ? 'confirms nothing more' : 'goes on'
  return { ending: `${how}${said ? ', says so' : ''}, ends with ${code}`, problems }
}
