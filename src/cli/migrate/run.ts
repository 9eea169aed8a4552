/** Moves the queues, several at a time, and shows the progress. */
import { elapsed, now, pause } from '../../util/timers.ts'
import { carriers, sweep } from './carrier.ts'
import { Interrupted, type Move, readyIn } from './ends.ts'
import type { Job, View } from './job.ts'
import { Ledger } from './ledger.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'
import { QueueJob } from './queue-job.ts'
import type { QueueRow } from './rows.ts'
import { StreamJob } from './stream-job.ts'

const LOOK_MS = 300
/** Maximum passes over queues that have received messages after they were emptied. */
const PASSES_MAX = 20

export interface Outcome {
  readonly moved: number
  readonly queues: number
  readonly streams: number
  readonly failed: readonly Job[]
  /** Remarks about queues that have not failed. */
  readonly notes: readonly string[]
}

export class Run {
  private readonly move: Move
  private readonly plan: Plan
  private readonly progress: Progress
  private readonly signal: AbortSignal
  private readonly parallel: number
  private jobs: Job[] = []
  private readonly active = new Set<Job>()
  private readonly failed: Job[] = []
  private passes = 0
  /** The event at one of the two brokers that the migration waits for; undefined if none. */
  waits: string | undefined

  constructor(move: Move, plan: Plan, progress: Progress, parallel: number, signal: AbortSignal) {
    this.move = move
    this.plan = plan
    this.progress = progress
    this.parallel = parallel
    this.signal = signal
  }

  /** Moves everything. @throws CtlError; Interrupted, after the shovels have been stopped */
  async all(): Promise<Outcome> {
    const ledger = await Ledger.read(this.move)
    this.jobs = this.plan.queues.map((q) =>
      q.type === 'stream'
        ? new StreamJob(this.move, q, ledger, this.definitionOf(q))
        : new QueueJob(this.move, q),
    )
    const left = [...this.jobs]
    try {
      for (;;) {
        while (this.active.size < this.parallel && left.length > 0) this.active.add(left.shift() as Job)
        if (this.active.size === 0) {
          left.push(...(await this.refilled()))
          if (left.length > 0) continue
          break
        }
        await this.look()
        this.show()
      }
    } catch (error) {
      await this.stop()
      throw error
    }
    await sweep(this.move, this.plan.vhosts)
    return this.outcome()
  }

  /** Jobs for queues that have received messages since they were emptied, such as dead-lettered messages. */
  private async refilled(): Promise<Job[]> {
    if (++this.passes > PASSES_MAX) return []
    const found: Job[] = []
    for (const job of this.jobs)
      if (job instanceof QueueJob && !this.failed.includes(job) && (await readyIn(this.move, job.queue)))
        found.push(job)
    return found
  }

  private async look(): Promise<void> {
    const { leveret } = this.move
    const [{ uptime = 0 } = {}] = await leveret.rows<{ uptime?: number }>('nodes', { uptime: 'number?' })
    const view: View = { shovels: await carriers(this.move), leveretSince: now() - uptime, at: elapsed() }
    let isOver = false
    for (const job of [...this.active]) {
      const state = await job.step(view)
      if (state === 'moving') continue
      this.active.delete(job)
      isOver = true
      if (state === 'failed') this.failed.push(job)
    }
    if (!isOver) await pause(LOOK_MS, { signal: this.signal }).catch(() => {})
    if (this.signal.aborted) throw new Interrupted()
  }

  show(): void {
    const sum = (of: (j: Job) => number): number => this.jobs.reduce((n, j) => n + of(j), 0)
    const waits = this.waits ?? [...this.active].find((j) => j.waits !== undefined)?.waits
    this.progress.show(
      elapsed(),
      sum((j) => j.moved),
      sum((j) => j.total),
      waits,
    )
  }

  private definitionOf({ vhost, name }: QueueRow): ConstructorParameters<typeof StreamJob>[3] {
    const { queues, bindings } = this.plan.fitted.definitions
    return {
      queues: queues.filter((q) => q['vhost'] === vhost && q['name'] === name),
      bindings: bindings.filter(
        (b) => b['vhost'] === vhost && b['destination'] === name && b['destination_type'] === 'queue',
      ),
    }
  }

  private outcome(): Outcome {
    const ok = this.jobs.filter((j) => !this.failed.includes(j))
    const withSome = ok.filter((j) => j.moved > 0)
    return {
      moved: this.jobs.reduce((n, j) => n + j.moved, 0),
      queues: withSome.filter((j) => j.queue.type !== 'stream').length,
      streams: withSome.filter((j) => j.queue.type === 'stream').length,
      failed: this.failed,
      notes: ok.flatMap((j) =>
        j.note === undefined ? [] : [`'${j.queue.name}' in vhost '${j.queue.vhost}': ${j.note}`],
      ),
    }
  }

  /** Cleans up with a new signal, because that of the migration has been aborted. */
  private async stop(): Promise<void> {
    this.move.leveret.revive()
    for (const job of this.active) await job.stop().catch(() => {})
  }
}
