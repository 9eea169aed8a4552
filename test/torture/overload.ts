/**
 * Overload: producers at full speed, most of them without a consumer, on a broker with little memory. Its limit of memory is
 * kept but for a margin, the producers are told, and in each round consumers find all that was confirmed, in its order. The
 * data folder does not grow from round to round, and a backup has only what is there.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrokerProcess, runCli, startProcess } from '../support/process.ts'
import { cameTrue, until } from '../support/until.ts'
import { shown } from './chart.ts'
import { Flow, type FlowOptions } from './flow.ts'
import { asPackaged, endOf, failuresIn, folderBytes } from './vitals.ts'

export interface OverloadOptions {
  readonly ms: number
  /** Of publishing in one round, if the folder does not have its octets before. */
  readonly roundMs: number
  /** Of the data folder, from which on a round drains. */
  readonly folderBytes: number
  readonly memoryLimit: number
  readonly say?: (line: string) => void
}

/** Octets above the limit: what is on its way when the alarm comes on, and garbage of a young heap. */
export const MARGIN_BYTES = 96e6
/** What the store of a backup without messages has at most. */
const EMPTY_BYTES = 2e6
const LOOK_MS = 20

const flows: readonly FlowOptions[] = [
  { queue: 'small', bytes: 120, persistent: true, consumed: false },
  { queue: 'transient', bytes: 120, persistent: false, consumed: false },
  { queue: 'medium', bytes: 4_000, persistent: true, consumed: false },
  { queue: 'large', bytes: 12_000, persistent: true, consumed: false },
  { queue: 'consumed', bytes: 1_000, persistent: true, consumed: true },
  { queue: 'consumed-transient', bytes: 16, persistent: false, consumed: true },
]

export interface Overloaded {
  readonly problems: string[]
  readonly confirmed: number
  readonly rounds: number
  readonly timesBlocked: number
  readonly mostBytes: number
}

export async function overload(o: OverloadOptions): Promise<Overloaded> {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-overload-'))
  const config = join(dir, 'rabbitmq.conf')
  writeFileSync(config, `vm_memory_high_watermark.absolute = ${o.memoryLimit}\n`)
  const broker = await startProcess(
    join(dir, 'data'),
    0,
    ['--config', config, '--metrics-port', '0'],
    asPackaged,
  )
  try {
    const result = await new Overload(broker, dir, o).run()
    result.problems.push(...(await endOf(broker)))
    return result
  } finally {
    await broker.stop('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
}

class Overload {
  private readonly broker: BrokerProcess
  private readonly dir: string
  private readonly o: OverloadOptions
  private readonly say: (line: string) => void
  private readonly problems: string[] = []
  private mostBytes = 0
  private gone = false

  constructor(broker: BrokerProcess, dir: string, o: OverloadOptions) {
    this.broker = broker
    this.dir = dir
    this.o = o
    this.say = o.say ?? (() => {})
    void broker.ended.then(() => {
      this.gone = true
    })
  }

  private get data(): string {
    return join(this.dir, 'data')
  }

  /** Whether there is nothing more to look at. */
  private look(): boolean {
    if (!this.gone) this.mostBytes = Math.max(this.mostBytes, this.broker.ownBytes())
    return this.gone
  }

  async run(): Promise<Overloaded> {
    const { broker, problems, o } = this
    const all = await Promise.all(flows.map((f) => Flow.open(broker.url, f)))
    let isOver = false
    const looking = cameTrue(() => this.look() || isOver, Number.MAX_SAFE_INTEGER, LOOK_MS)
    const end = performance.now() + o.ms
    let rounds = 0
    do {
      await this.round(all, ++rounds)
      for (const f of all) problems.push(...f.problems)
    } while (performance.now() < end && problems.length === 0)
    isOver = true
    await looking
    for (const f of all) f.close()
    if (this.gone) return this.result(all, rounds, [`the broker has ended: ${await broker.ended}`])
    await this.backUp()
    const timesBlocked = all.reduce((sum, f) => sum + f.timesBlocked, 0)
    if (timesBlocked === 0) problems.push('no producer was told that it is blocked')
    const bound = o.memoryLimit + MARGIN_BYTES
    if (this.mostBytes > bound)
      problems.push(`${shown(this.mostBytes, 'MB')} of memory, where ${shown(bound, 'MB')} are the most`)
    return this.result(all, rounds, failuresIn(broker))
  }

  private async round(all: readonly Flow[], number: number): Promise<void> {
    for (const f of all) f.start()
    const until = performance.now() + this.o.roundMs
    const full = (): boolean => folderBytes(this.data) >= this.o.folderBytes
    const isOver = (): boolean => this.gone || performance.now() >= until || full()
    await cameTrue(isOver, this.o.roundMs + 60_000, 100)
    const filled = folderBytes(this.data)
    const blocked = all.reduce((sum, f) => sum + f.timesBlocked, 0)
    const began = performance.now()
    if (!this.gone) await Promise.all(all.map((f) => f.drain()))
    const confirmed = all.reduce((sum, f) => sum + f.confirmedInAll, 0)
    this.say(
      `round ${number}: ${confirmed} confirmed so far, ${blocked} times blocked, at most ${shown(this.mostBytes, 'MB')}; ` +
        `folder ${shown(filled, 'MB')}, drained in ${((performance.now() - began) / 1000).toFixed(1)} s, then ` +
        `${shown(folderBytes(this.data), 'MB')}, own ${shown(this.broker.ownBytes(), 'MB')}`,
    )
  }

  /** The store has what the journal has. */
  private async isApplied(): Promise<boolean> {
    const text = await (await fetch(`http://127.0.0.1:${this.broker.metricsPort}/metrics`)).text()
    const of = (name: string): string | undefined => new RegExp(`${name}\\S* (\\d+)`).exec(text)?.[1]
    const applied = of('rabbitmq_raft_log_last_applied_index')
    return applied !== undefined && applied === of('rabbitmq_raft_log_commit_index')
  }

  /** A backup of the drained broker takes what is there, not what was. */
  private async backUp(): Promise<void> {
    await until(() => this.isApplied(), 'the store')
    const to = join(this.dir, 'backup')
    const { code, stderr } = await runCli(['backup', to, '--data-dir', this.data])
    if (code !== 0) {
      this.problems.push(`leveret backup: ${code} ${stderr}`)
      return
    }
    const octets = statSync(join(to, 'data.mdb')).size
    this.say(`folder ${shown(folderBytes(this.data), 'MB')}, its backup ${shown(octets, 'MB')}`)
    if (octets > EMPTY_BYTES) this.problems.push(`the backup of a drained broker has ${octets} octets`)
  }

  private result(all: readonly Flow[], rounds: number, more: readonly string[]): Overloaded {
    const confirmed = all.reduce((sum, f) => sum + f.confirmedInAll, 0)
    for (const f of all) {
      this.say(`${f.name}: ${f.confirmedInAll} confirmed, ${f.timesBlocked} times blocked`)
      if (f.confirmedInAll === 0) this.problems.push(`${f.name} has confirmed nothing`)
    }
    return {
      problems: [...this.problems, ...more],
      confirmed,
      rounds,
      timesBlocked: all.reduce((sum, f) => sum + f.timesBlocked, 0),
      mostBytes: this.mostBytes,
    }
  }
}
