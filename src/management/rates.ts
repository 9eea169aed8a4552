/**
 * How fast counters grow. Every few seconds, whether anybody asks or not, each counter is read, some objects at a time; the
 * rate is the growth since the reading before, in events a second.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Timer } from '../broker/clock.ts'
import {
  type BrokerCounters,
  brokerCounterNames,
  channelCounterNames,
  queueCounterNames,
} from '../broker/counters.ts'
import type { Exchange } from '../broker/exchange/exchange.ts'
import type { Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Channel } from '../channel/channel.ts'
import type { Connection } from '../connection/connection.ts'
import type { Leveret } from '../leveret.ts'
import type { Json } from './listing.ts'

/** Objects read before others have their turn. */
const PIECE = 500

/** How the numbers of message_stats come about from counters. */
const deliveries = {
  deliver: ['delivered'],
  deliver_no_ack: ['deliveredNoAck'],
  get: ['got'],
  get_no_ack: ['gotNoAck'],
  get_empty: ['gotEmpty'],
  ack: ['acknowledged'],
  redeliver: ['redelivered'],
  deliver_get: ['delivered', 'deliveredNoAck', 'got', 'gotNoAck'],
} as const
const queueStats = { publish: ['published'], ...deliveries } as const
const channelStats = { ...queueStats, confirm: ['confirmed'], return_unroutable: ['returned'] } as const
const brokerStats = {
  publish: ['received'],
  confirm: ['confirmed'],
  return_unroutable: ['unroutableReturned'],
  drop_unroutable: ['unroutableDropped'],
} as const
const churn = {
  connection_created: ['connectionsOpened'],
  connection_closed: ['connectionsClosed'],
  channel_created: ['channelsOpened'],
  channel_closed: ['channelsClosed'],
  queue_declared: ['queuesDeclared'],
  queue_created: ['queuesCreated'],
  queue_deleted: ['queuesDeleted'],
} as const

const exchangeNames = ['published', 'publishedOut'] as const
const connectionNames = ['octetsReceived', 'octetsSent'] as const
const lengthNames = ['ready', 'unacked'] as const

/** Counters by name; whose object they are is how they are found again. */
interface Source {
  readonly owner: object
  readonly names: readonly string[]
  readonly values: readonly number[]
}

interface Reading {
  readonly names: readonly string[]
  readonly values: readonly number[]
  readonly rates: readonly number[]
  /** In ms since 1970. */
  readonly at: number
  /** When a value was another one than before, or the first reading. */
  readonly changedAt: number
}

function read<N extends string>(owner: { readonly [K in N]: number }, names: readonly N[]): Source {
  return { owner, names, values: names.map((n) => owner[n]) }
}

export class Rates {
  readonly leveret: Leveret
  /** Of the objects that were there last time. */
  private readings = new Map<object, Reading>()
  private timer: Timer
  private stopped = false

  constructor(leveret: Leveret) {
    this.leveret = leveret
    this.timer = this.later()
  }

  private later(): Timer {
    const { broker, settings, owner } = this.leveret
    return broker.clock.after(settings.statisticsInterval, () => {
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

  private *sources(): Iterable<Source> {
    const { broker, server } = this.leveret
    yield read(broker.counters, brokerCounterNames)
    yield read(broker.counters.goneQueues, queueCounterNames)
    for (const v of broker.vhosts.values()) {
      for (const x of v.exchanges.values()) yield read(x, exchangeNames)
      for (const q of v.queues.values()) {
        yield read(q.counters, queueCounterNames)
        const { ready, unacked } = q.counts
        yield { owner: q, names: lengthNames, values: [ready, unacked] }
      }
    }
    for (const c of server.connections) {
      yield read(c, connectionNames)
      for (const ch of c.channels) yield read(ch.counters, channelCounterNames)
    }
  }

  private async sample(): Promise<void> {
    const readings = new Map<object, Reading>()
    let count = 0
    for (const source of this.sources()) {
      readings.set(source.owner, this.reading(source))
      if (++count % PIECE === 0) await nextTurn()
      if (this.stopped) return
    }
    this.readings = readings
  }

  private reading({ owner, names, values }: Source): Reading {
    const now = this.leveret.broker.clock.now()
    const before = this.readings.get(owner)
    const seconds = before === undefined ? 0 : (now - before.at) / 1000
    const rates = values.map((n, i) =>
      before === undefined || seconds <= 0 ? 0 : (n - (before.values[i] as number)) / seconds,
    )
    const same = before !== undefined && values.every((n, i) => n === before.values[i])
    return { names, values, rates, at: now, changedAt: same ? before.changedAt : now }
  }

  /** Since when nothing has been counted, as RabbitMQ writes it; null where something has, or nobody has looked yet. */
  idleSince(counters: object): string | null {
    const reading = this.readings.get(counters)
    if (reading === undefined || reading.changedAt === reading.at) return null
    return new Date(reading.changedAt).toISOString().replace('Z', '+00:00')
  }

  /** A second; 0 for what has not been seen twice yet. */
  private rate(owner: object, name: string): number {
    const reading = this.readings.get(owner)
    return reading?.rates[reading.names.indexOf(name)] ?? 0
  }

  /** Sums over several owners, each number with its rate. */
  private stats<N extends string>(
    owners: readonly { readonly [K in N]: number }[],
    table: { readonly [stat: string]: readonly N[] },
  ): Json {
    const out: Json = {}
    for (const [stat, parts] of Object.entries(table)) {
      let count = 0
      let rate = 0
      for (const owner of owners)
        for (const part of parts) {
          count += owner[part]
          rate += this.rate(owner, part)
        }
      out[stat] = count
      out[`${stat}_details`] = { rate }
    }
    return out
  }

  ofQueue(q: Queue): Json {
    return this.stats([q.counters], queueStats)
  }

  ofChannel(ch: Channel): Json {
    return this.stats([ch.counters], channelStats)
  }

  ofExchange(x: Exchange): Json {
    return this.stats([x], { publish_in: ['published'], publish_out: ['publishedOut'] })
  }

  ofConnection(c: Connection): Json {
    return this.stats([c], { recv_oct: ['octetsReceived'], send_oct: ['octetsSent'] })
  }

  ofVhost(v: Vhost): Json {
    const queues = Array.from(v.queues.values(), (q) => q.counters)
    return {
      ...this.stats([...v.exchanges.values()], { publish: ['published'] }),
      ...this.stats(queues, deliveries),
    }
  }

  ofBroker(queues: readonly Queue[], counters: BrokerCounters): Json {
    return {
      ...this.stats([counters], brokerStats),
      ...this.stats([...queues.map((q) => q.counters), counters.goneQueues], deliveries),
    }
  }

  churn(counters: BrokerCounters): Json {
    return this.stats([counters], churn)
  }

  /** messages, messages_ready and messages_unacknowledged of some queues, with how fast they become more or fewer. */
  lengths(queues: Iterable<Queue>): Json {
    let [ready, unacked, readyRate, unackedRate] = [0, 0, 0, 0]
    for (const q of queues) {
      const { counts } = q
      ready += counts.ready
      unacked += counts.unacked
      readyRate += this.rate(q, 'ready')
      unackedRate += this.rate(q, 'unacked')
    }
    return {
      messages: ready + unacked,
      messages_details: { rate: readyRate + unackedRate },
      messages_ready: ready,
      messages_ready_details: { rate: readyRate },
      messages_unacknowledged: unacked,
      messages_unacknowledged_details: { rate: unackedRate },
    }
  }
}
