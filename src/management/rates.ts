/** How fast counters grow: a sample of each every few seconds, whether anybody asks or not. */
import { type QueueCounters, queueCounterNames } from '../broker/counters.ts'
import type { Leveret } from '../leveret.ts'
import type { Json } from './listing.ts'

const SAMPLE_MS = 5000

/** The counters of QueueCounters by the names of message_stats. */
const statNames = {
  publish: ['published'],
  deliver: ['delivered'],
  deliver_no_ack: ['deliveredNoAck'],
  get: ['got'],
  get_no_ack: ['gotNoAck'],
  get_empty: ['gotEmpty'],
  ack: ['acknowledged'],
  redeliver: ['redelivered'],
  deliver_get: ['delivered', 'deliveredNoAck', 'got', 'gotNoAck'],
} as const

interface Sample {
  counts: number[]
  rates: number[]
}

export class Rates {
  private samples = new WeakMap<object, Sample>()
  private readonly timer: NodeJS.Timeout
  private readonly leveret: Leveret

  constructor(leveret: Leveret) {
    this.leveret = leveret
    this.timer = setInterval(() => this.sample(), SAMPLE_MS)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private sample(): void {
    for (const v of this.leveret.broker.vhosts.values())
      for (const q of v.queues.values())
        this.take(q.counters, [
          ...queueCounterNames.map((n) => q.counters[n]),
          q.counts.ready,
          q.counts.unacked,
        ])
  }

  private take(owner: object, counts: number[]): void {
    const known = this.samples.get(owner)
    const rates = counts.map((n, i) =>
      known === undefined ? 0 : ((n - (known.counts[i] as number)) * 1000) / SAMPLE_MS,
    )
    this.samples.set(owner, { counts, rates })
  }

  private rate(c: QueueCounters, name: (typeof queueCounterNames)[number]): number {
    return this.samples.get(c)?.rates[queueCounterNames.indexOf(name)] ?? 0
  }

  /** How fast the messages of a queue become more or fewer. */
  lengths(c: QueueCounters): { ready: number; unacked: number } {
    const rates = this.samples.get(c)?.rates ?? []
    const { length } = queueCounterNames
    return { ready: rates[length] ?? 0, unacked: rates[length + 1] ?? 0 }
  }

  /** message_stats of a queue, or the sum over several. */
  stats(counters: Iterable<QueueCounters>): Json {
    const list = [...counters]
    const out: Json = {}
    for (const [name, parts] of Object.entries(statNames)) {
      let count = 0
      let rate = 0
      for (const c of list)
        for (const part of parts) {
          count += c[part]
          rate += this.rate(c, part)
        }
      out[name] = count
      out[`${name}_details`] = { rate }
    }
    return out
  }
}
