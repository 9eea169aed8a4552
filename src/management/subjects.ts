/** The counters of each kind of object, and how RabbitMQ's numbers are derived from them. */
import { channelCounterNames, nothingCounted, QueueCounters, queueCounterNames } from '../broker/counters.ts'
import type { Exchange } from '../broker/exchange/exchange.ts'
import type { InspectedQueue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Channel } from '../channel/channel.ts'
import type { Connection } from '../connection/connection.ts'
import type { Kind } from './history.ts'
import type { ManagedNode } from './managed-node.ts'
import { nodeNumberNames, nodeNumbers } from './node-numbers.ts'

export interface Subject<T> extends Kind {
  read(owner: T): number[]
}

/** The numbers of an answer, each as the sum of some counters of a kind. */
export type Table = { readonly [stat: string]: readonly string[] }

const lengthNames = ['ready', 'unacked'] as const
const octetNames = ['octetsReceived', 'octetsSent'] as const
const exchangeNames = ['published', 'publishedOut'] as const
const trafficNames = [
  'received',
  'confirmed',
  'unroutableReturned',
  'unroutableDropped',
  'persisted',
] as const
const churnNames = [
  'connectionsOpened',
  'connectionsClosed',
  'channelsOpened',
  'channelsClosed',
  'queuesDeclared',
  'queuesCreated',
  'queuesDeleted',
] as const
const queueNames = [...queueCounterNames, ...lengthNames] as const
const vhostNames = ['received', 'confirmed', 'returned', 'dropped', ...octetNames, ...queueNames] as const

function of<T>(names: readonly string[], read: (owner: T) => number[], more: Partial<Kind> = {}): Subject<T> {
  return { names, wide: false, long: false, ...more, read }
}

function add(to: number[], from: readonly number[], start: number): void {
  for (let i = 0; i < from.length; i++) to[start + i] = (to[start + i] as number) + (from[i] as number)
}

export const queueSubject = of<InspectedQueue>(queueNames, ({ counters, counts }) => {
  const out: number[] = []
  for (const name of queueCounterNames) out.push(counters[name])
  out.push(counts.ready, counts.unacked)
  return out
})

/** Adds the numbers of all queues of a vhost, in the order of `queueSubject`, to an array from index `start` on. */
function addQueues(to: number[], vhost: Vhost, start: number): void {
  const sum = new QueueCounters()
  let ready = 0
  let unacked = 0
  for (const q of vhost.queues.values()) {
    if (q.counters === nothingCounted) continue
    sum.add(q.counters)
    const { counts } = q
    ready += counts.ready
    unacked += counts.unacked
  }
  add(to, [...queueCounterNames.map((n) => sum[n]), ready, unacked], start)
}

export const exchangeSubject = of<Exchange>(exchangeNames, (x) => [x.published, x.publishedOut])

export const channelSubject = of<Channel>(channelCounterNames, ({ counters }) =>
  channelCounterNames.map((n) => counters[n]),
)

export const connectionSubject = of<Connection>(octetNames, (c) => [c.octetsReceived, c.octetsSent], {
  wide: true,
})

/** The numbers of all existing queues, summed up. */
export type QueueSums = readonly number[]

export function queueSums(...vhosts: readonly Vhost[]): QueueSums {
  const sums = new Array<number>(queueNames.length).fill(0)
  for (const v of vhosts) addQueues(sums, v, 0)
  return sums
}

export function addQueueSums(a: QueueSums, b: QueueSums): QueueSums {
  return a.map((n, i) => n + (b[i] as number))
}

export interface VhostSums {
  readonly vhost: Vhost
  readonly queues: QueueSums
  /** The connections to the vhost. */
  readonly connections: readonly Connection[]
}

/** Totals over the existing and deleted objects of a vhost. */
export const vhostSubject = of<VhostSums>(
  vhostNames,
  ({ vhost, queues, connections }) => {
    const { gone } = vhost
    const out = [
      gone.published,
      gone.channels.confirmed,
      gone.channels.returned,
      gone.channels.dropped,
      gone.octetsReceived,
      gone.octetsSent,
      ...queueCounterNames.map((n) => gone.queues[n]),
      0,
      0,
    ]
    for (const x of vhost.exchanges.values()) add(out, [x.published], 0)
    for (const c of connections) {
      for (const { counters } of c.channels)
        add(out, [counters.confirmed, counters.returned, counters.dropped], 1)
      add(out, [c.octetsReceived, c.octetsSent], 4)
    }
    add(out, queues, 6)
    return out
  },
  { wide: true },
)

const wholeNames = [...trafficNames, ...churnNames, ...queueNames]

export interface WholeSums {
  readonly node: ManagedNode
  readonly queues: QueueSums
}

/** Totals of the whole node, including deleted queues. */
export const wholeSubject = of<WholeSums>(
  wholeNames,
  ({ node: { active }, queues }) => {
    if (active === undefined) return new Array<number>(wholeNames.length).fill(0)
    const { counters } = active.model.broker
    const sums = [...queueCounterNames.map((n) => counters.goneQueues[n]), 0, 0]
    add(sums, queues, 0)
    return [...trafficNames.map((n) => counters[n]), ...churnNames.map((n) => counters[n]), ...sums]
  },
  { long: true },
)

export const nodeSubject = of<ManagedNode>(nodeNumberNames, nodeNumbers, { wide: true, long: true })

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
export const lengthStats = {
  messages: ['ready', 'unacked'],
  messages_ready: ['ready'],
  messages_unacknowledged: ['unacked'],
} as const
export const queueStats = { publish: ['published'], ...deliveries } as const
export const channelStats = {
  ...queueStats,
  confirm: ['confirmed'],
  return_unroutable: ['returned'],
  drop_unroutable: ['dropped'],
} as const
export const exchangeStats = { publish_in: ['published'], publish_out: ['publishedOut'] } as const
export const octetStats = { recv_oct: ['octetsReceived'], send_oct: ['octetsSent'] } as const
export const vhostStats = {
  publish: ['received'],
  confirm: ['confirmed'],
  return_unroutable: ['returned'],
  drop_unroutable: ['dropped'],
  ...deliveries,
} as const
export const wholeStats = {
  publish: ['received'],
  confirm: ['confirmed'],
  return_unroutable: ['unroutableReturned'],
  drop_unroutable: ['unroutableDropped'],
  disk_writes: ['persisted'],
  ...deliveries,
} as const
export const churnStats = {
  connection_created: ['connectionsOpened'],
  connection_closed: ['connectionsClosed'],
  channel_created: ['channelsOpened'],
  channel_closed: ['channelsClosed'],
  queue_declared: ['queuesDeclared'],
  queue_created: ['queuesCreated'],
  queue_deleted: ['queuesDeleted'],
} as const
