/**
 * The rates and the history of counters. All counters are read every few seconds, whether or not anybody asks, some
 * objects at a time; the rate is the growth since the previous reading, in events per second.
 */
import { nothingCounted } from '../broker/counters.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Connection } from '../connection/connection.ts'
import type { Timer } from '../util/clock.ts'
import { nextTurn } from '../util/timers.ts'
import { Series } from './history.ts'
import type { ManagedNode } from './managed-node.ts'
import {
  addQueueSums,
  channelSubject,
  connectionSubject,
  exchangeSubject,
  nodeSubject,
  queueSubject,
  queueSums,
  type Subject,
  vhostSubject,
  wholeSubject,
} from './subjects.ts'

/** Objects read before yielding. */
const PIECE = 500
/**
 * Queues without messages that are read in one step, as one object: memory allocated for each of very many queues would
 * make V8 assume that the process is busy, and postpone garbage collection.
 */
const IDLE_PER_STEP = 8

export class Rates {
  readonly node: ManagedNode
  private readonly series = new Map<object, Series>()
  /**
   * Objects whose numbers have all been 0 so far, with the time of their first reading in ms since 1970. They need no
   * series, which matters because there may be very many of them.
   */
  private idle = new Map<object, number>()
  /** Replaces `idle` after the round if that contains deleted objects. */
  private stillIdle: Map<object, number> | undefined
  /** Objects in `idle` that were seen in this round. */
  private idleSeen = 0
  /** Start of this round and of the previous one, in ms since 1970. */
  private began = 0
  private beganBefore = 0
  /** The node has two subjects: its process, and its messages and clients. */
  private readonly process = {}
  private round = 0
  private timer: Timer
  private stopped = false

  constructor(node: ManagedNode) {
    this.node = node
    this.timer = this.later()
  }

  private later(): Timer {
    const { clock, settings, owner } = this.node
    return clock.after(settings.statisticsInterval, () => {
      this.sample()
        .catch((error) => owner.failed(error))
        .finally(() => {
          if (!this.stopped) this.timer = this.later()
        })
    })
  }

  stop(): void {
    this.stopped = true
    this.timer.cancel()
  }

  /** Each step reads one object, or a few idle queues. */
  private *readings(): Iterable<void> {
    const { node } = this
    yield this.note(this.process, node, nodeSubject)
    let all = queueSums()
    if (node.active === undefined) {
      yield this.note(node, { node, queues: all }, wholeSubject)
      return
    }
    const { model, server } = node.active
    const { broker } = model
    const byVhost = connectionsByVhost(server.connections)
    const now = node.clock.now()
    for (const c of server.connections) {
      yield this.note(c, c, connectionSubject)
      for (const ch of c.channels) yield this.note(ch, ch, channelSubject)
    }
    for (const v of broker.vhosts.values()) {
      const queues = queueSums(v)
      all = addQueueSums(all, queues)
      yield this.note(v, { vhost: v, queues, connections: byVhost.get(v) ?? [] }, vhostSubject)
      for (const x of v.exchanges.values()) yield this.note(x, x, exchangeSubject)
      for (const q of v.queues.values())
        if (q.counters !== nothingCounted) yield this.note(q, q, queueSubject)
        else if (this.noteIdle(q, now) % IDLE_PER_STEP === 0) yield
    }
    yield this.note(node, { node, queues: all }, wholeSubject)
  }

  private note<T>(key: object, owner: T, subject: Subject<T>): void {
    const now = this.node.clock.now()
    const values = subject.read(owner)
    let series = this.series.get(key)
    if (series === undefined) {
      if (allZero(values)) {
        this.noteIdle(key, now)
        return
      }
      series = this.begun(subject, key, values, now)
      this.series.set(key, series)
    } else series.update(values, now)
    series.round = this.round
  }

  /** Records an object whose numbers are all 0. Returns the number of such objects in this round so far. */
  private noteIdle(key: object, now: number): number {
    const since = this.idle.get(key)
    if (this.stillIdle !== undefined) this.stillIdle.set(key, since ?? now)
    else if (since === undefined) this.idle.set(key, now)
    return ++this.idleSeen
  }

  /** Starts the series of an object that has a number other than 0 for the first time. */
  private begun<T>(subject: Subject<T>, key: object, values: number[], now: number): Series {
    const since = this.idle.get(key)
    if (since === undefined) return new Series(subject, values, now)
    this.idle.delete(key)
    const series = new Series(subject, new Array<number>(values.length).fill(0), since)
    series.at = this.beganBefore
    series.update(values, now)
    return series
  }

  private async sample(): Promise<void> {
    this.round++
    this.beganBefore = this.began
    this.began = this.node.clock.now()
    this.stillIdle = this.idleSeen === this.idle.size ? undefined : new Map()
    this.idleSeen = 0
    let count = 0
    for (const _ of this.readings()) {
      if (++count % PIECE === 0) await nextTurn()
      if (this.stopped) return
    }
    if (this.stillIdle !== undefined) this.idle = this.stillIdle
    for (const [key, { round }] of this.series) if (round !== this.round) this.series.delete(key)
  }

  /** Discards all history. */
  reset(): void {
    this.series.clear()
    this.idle.clear()
  }

  /** undefined for an object that has not been read yet, or whose numbers have all been 0 so far. */
  of(key: object): Series | undefined {
    return this.series.get(key)
  }

  get ofNode(): Series | undefined {
    return this.series.get(this.process)
  }

  /** Memory used by the histories, in octets. */
  get bytes(): number {
    let bytes = 0
    for (const s of this.series.values()) bytes += s.bytes
    return bytes
  }

  /** The time since which no counter has changed, in RabbitMQ's format; null if one has, or there is no reading yet. */
  idleSince(key: object): string | null {
    const series = this.series.get(key)
    const since = series === undefined ? this.idle.get(key) : series.changedAt
    if (since === undefined || since === series?.at) return null
    return new Date(since).toISOString().replace('Z', '+00:00')
  }
}

function allZero(values: readonly number[]): boolean {
  for (const n of values) if (n !== 0) return false
  return true
}

/** Each vhost with its connections. */
export function connectionsByVhost(connections: Iterable<Connection>): Map<Vhost, Connection[]> {
  const out = new Map<Vhost, Connection[]>()
  for (const c of connections) {
    if (c.caller === undefined) continue
    const list = out.get(c.caller.vhost)
    if (list === undefined) out.set(c.caller.vhost, [c])
    else list.push(c)
  }
  return out
}
