/** The numbers in an answer: counters, their rates, and their history if the query asks for it. */
import type { Exchange } from '../broker/exchange/exchange.ts'
import type { InspectedQueue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Channel } from '../channel/channel.ts'
import type { Connection } from '../connection/connection.ts'
import { HISTORY_SAMPLES_MAX } from '../limits.ts'
import { InvalidRequest } from '../operations/invalid-request.ts'
import type { Json } from '../util/json.ts'
import type { Range, Series } from './history.ts'
import type { ManagedNode } from './managed-node.ts'
import { nodeNumberNames } from './node-numbers.ts'
import { connectionsByVhost, type Rates } from './rates.ts'
import {
  addQueueSums,
  channelStats,
  channelSubject,
  churnStats,
  connectionSubject,
  exchangeStats,
  exchangeSubject,
  lengthStats,
  nodeSubject,
  octetStats,
  type QueueSums,
  queueStats,
  queueSubject,
  queueSums,
  type Subject,
  type Table,
  vhostStats,
  vhostSubject,
  wholeStats,
  wholeSubject,
} from './subjects.ts'

/** Prefixes of query parameters: `lengths_age=600&lengths_incr=5`, both in seconds. */
type Part = 'lengths' | 'msg_rates' | 'data_rates' | 'node_stats'

export type Query = { readonly [name: string]: string | undefined }

const nodeStats: Table = Object.fromEntries(nodeNumberNames.map((n) => [n, [n]]))

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** undefined if the query asks for no samples. @throws InvalidRequest */
function rangeOf(part: Part, query: Query, now: number): Range | undefined {
  const [age, step] = [whole(query[`${part}_age`]), whole(query[`${part}_incr`])]
  if (age === undefined || step === undefined) return undefined
  if (age <= 0 || step <= 0 || Math.floor(age / step) > HISTORY_SAMPLES_MAX)
    throw new InvalidRequest(`Invalid range parameters: age ${age}, incr ${step}`)
  // Aligned to steps, so that repeated queries return consistent samples.
  const end = Math.round(now / 1000 / step) * step
  const count = Math.floor(age / step) + 1
  return { last: end - age + (count - 1) * step, step, count }
}

export class Statistics {
  readonly node: ManagedNode
  private readonly rates: Rates
  private byVhost: Map<Vhost, Connection[]> | undefined
  private readonly sums = new Map<Vhost, QueueSums>()
  private readonly ranges: { readonly [P in Part]: Range | undefined }

  /** @throws InvalidRequest for samples that are not available */
  constructor(rates: Rates, query: Query) {
    this.rates = rates
    this.node = rates.node
    const now = this.node.clock.now()
    this.ranges = {
      lengths: rangeOf('lengths', query, now),
      msg_rates: rangeOf('msg_rates', query, now),
      data_rates: rangeOf('data_rates', query, now),
      node_stats: rangeOf('node_stats', query, now),
    }
  }

  /** Caches totals over very many objects, which one answer needs several times. */
  private readonly read = new Map<Subject<never>, { owner: unknown; values: number[] }>()

  private valuesOf<T>(subject: Subject<T>, owner: T): number[] {
    if (!subject.wide && !subject.long) return subject.read(owner)
    const known = this.read.get(subject as Subject<never>)
    const key = owner instanceof Object && 'vhost' in owner ? owner.vhost : owner
    if (known !== undefined && known.owner === key) return known.values
    const values = subject.read(owner)
    this.read.set(subject as Subject<never>, { owner: key, values })
    return values
  }

  private stats<T>(
    series: Series | undefined,
    owner: T,
    subject: Subject<T>,
    table: Table,
    part?: Part,
  ): Json {
    const values = this.valuesOf(subject, owner)
    const range = part === undefined ? undefined : this.ranges[part]
    const out: Json = {}
    for (const [stat, names] of Object.entries(table)) {
      const columns = names.map((n) => subject.names.indexOf(n))
      out[stat] = columns.reduce((n, c) => n + (values[c] as number), 0)
      out[`${stat}_details`] = {
        rate: columns.reduce((n, c) => n + (series?.rates[c] ?? 0), 0),
        ...(range === undefined ? {} : samplesOf(series, names, range)),
      }
    }
    return out
  }

  idleSince(key: object): string | null {
    return this.rates.idleSince(key)
  }

  /** The rate of some counters of a queue, per second. */
  rateOf(q: InspectedQueue, names: readonly string[]): number {
    const rates = this.rates.of(q)?.rates ?? []
    return names.reduce((n, name) => n + (rates[queueSubject.names.indexOf(name)] ?? 0), 0)
  }

  ofQueue(q: InspectedQueue): Json {
    return this.stats(this.rates.of(q), q, queueSubject, queueStats, 'msg_rates')
  }

  ofChannel(ch: Channel): Json {
    return this.stats(this.rates.of(ch), ch, channelSubject, channelStats, 'msg_rates')
  }

  ofExchange(x: Exchange): Json {
    return this.stats(this.rates.of(x), x, exchangeSubject, exchangeStats, 'msg_rates')
  }

  ofConnection(c: Connection): Json {
    return this.stats(this.rates.of(c), c, connectionSubject, octetStats, 'data_rates')
  }

  private vhostStats(v: Vhost, table: Table, part: Part): Json {
    this.byVhost ??= connectionsByVhost(this.node.active?.server.connections ?? [])
    const sums = { vhost: v, queues: this.queuesOf(v), connections: this.byVhost.get(v) ?? [] }
    return this.stats(this.rates.of(v), sums, vhostSubject, table, part)
  }

  /** The sums over the queues of a vhost, computed once per answer. */
  private queuesOf(v: Vhost): QueueSums {
    let sums = this.sums.get(v)
    if (sums === undefined) {
      sums = queueSums(v)
      this.sums.set(v, sums)
    }
    return sums
  }

  ofVhost(v: Vhost): Json {
    return this.vhostStats(v, vhostStats, 'msg_rates')
  }

  octetsOfVhost(v: Vhost): Json {
    return this.vhostStats(v, octetStats, 'data_rates')
  }

  ofBroker(): Json {
    return this.ofWhole(wholeStats, 'msg_rates')
  }

  private churn(part?: Part): Json {
    return this.ofWhole(churnStats, part)
  }

  /** With samples if both lengths and message rates are asked for, in the steps of the lengths, as in RabbitMQ. */
  churnOfOverview(): Json {
    return this.churn(this.ranges.msg_rates === undefined ? undefined : 'lengths')
  }

  lengthsOfBroker(): Json {
    return this.ofWhole(lengthStats, 'lengths')
  }

  private ofWhole(table: Table, part?: Part): Json {
    const vhosts = [...(this.node.active?.model.broker.vhosts.values() ?? [])]
    const queues = vhosts.map((v) => this.queuesOf(v)).reduce(addQueueSums, queueSums())
    return this.stats(this.rates.of(this.node), { node: this.node, queues }, wholeSubject, table, part)
  }

  /** messages, messages_ready and messages_unacknowledged, with their rates of change. */
  lengths(q: InspectedQueue): Json {
    return this.stats(this.rates.of(q), q, queueSubject, lengthStats, 'lengths')
  }

  /** RabbitMQ uses the parameters of the message rates here. */
  lengthsOfVhost(v: Vhost): Json {
    return this.vhostStats(v, lengthStats, this.ranges.msg_rates === undefined ? 'lengths' : 'msg_rates')
  }

  /** The numbers of the process, and the churn. */
  ofNode(): Json {
    return {
      ...this.stats(this.rates.ofNode, this.node, nodeSubject, nodeStats, 'node_stats'),
      ...this.churn('node_stats'),
    }
  }
}

/** Samples, newest first. `avg` is the mean of the values, `avg_rate` the growth per second over the whole range. */
function samplesOf(series: Series | undefined, names: readonly string[], range: Range): Json {
  const { last, step, count } = range
  const values = series?.samples(names, range) ?? new Array<number>(count).fill(0)
  const [newest = 0, oldest = 0] = [values[0], values.at(-1)]
  return {
    samples: values.map((sample, i) => ({ sample, timestamp: (last - i * step) * 1000 })),
    avg: values.reduce((n, v) => n + v, 0) / count,
    avg_rate: count < 2 ? 0 : (newest - oldest) / ((count - 1) * step),
  }
}
