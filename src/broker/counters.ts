/** Counters for the HTTP API and the metrics: plain numbers that never decrease. */

/** Counters of one queue. */
export class QueueCounters {
  published = 0
  delivered = 0
  deliveredNoAck = 0
  got = 0
  gotNoAck = 0
  gotEmpty = 0
  acknowledged = 0
  redelivered = 0

  /** Lists the fields instead of looping over names: it is called for up to a hundred thousand queues. */
  add(o: QueueCounters): void {
    this.published += o.published
    this.delivered += o.delivered
    this.deliveredNoAck += o.deliveredNoAck
    this.got += o.got
    this.gotNoAck += o.gotNoAck
    this.gotEmpty += o.gotEmpty
    this.acknowledged += o.acknowledged
    this.redelivered += o.redelivered
  }
}

/** Shared by all queues that have not counted anything yet, of which there may be very many. */
export const nothingCounted: QueueCounters = Object.freeze(new QueueCounters())

export const queueCounterNames = [
  'published',
  'delivered',
  'deliveredNoAck',
  'got',
  'gotNoAck',
  'gotEmpty',
  'acknowledged',
  'redelivered',
] as const

/** Counters of one channel. */
export class ChannelCounters extends QueueCounters {
  /** Messages confirmed to the publisher. */
  confirmed = 0
  returned = 0
  /** Unroutable messages that were not mandatory. */
  dropped = 0

  addChannel(o: ChannelCounters): void {
    for (const k of channelCounterNames) this[k] += o[k]
  }
}

export const channelCounterNames = [...queueCounterNames, 'confirmed', 'returned', 'dropped'] as const

interface CountedConnection {
  readonly channels: Iterable<{ readonly counters: ChannelCounters }>
  readonly octetsReceived: number
  readonly octetsSent: number
}

/** Totals of deleted queues, closed channels and closed connections, so that a vhost's totals never decrease. */
export class GoneCounters {
  readonly queues = new QueueCounters()
  readonly channels = new ChannelCounters()
  /** Messages published to exchanges. */
  published = 0
  octetsReceived = 0
  octetsSent = 0

  addConnection(c: CountedConnection): void {
    for (const ch of c.channels) this.channels.addChannel(ch.counters)
    this.octetsReceived += c.octetsReceived
    this.octetsSent += c.octetsSent
  }
}

/** Upper bounds of the histogram's buckets in octets, except for the last bucket, which has none. */
export const messageSizeBounds = [100, 1e3, 1e4, 1e5, 1e6, 1e7, 5e7, 1e8] as const

const SUM = messageSizeBounds.length + 1

/** A histogram of the body sizes of published messages. `note` is called once per message and takes about 1 ns. */
export class MessageSizes {
  /** One counter per bound, one for larger bodies, and at the end the sum of all sizes in octets. */
  private readonly numbers = new Float64Array(messageSizeBounds.length + 2)

  note(size: number): void {
    const { numbers } = this
    const i = size <= 100 ? 0 : size <= 1000 ? 1 : size <= 10_000 ? 2 : above(size)
    numbers[i] = (numbers[i] as number) + 1
    numbers[SUM] = (numbers[SUM] as number) + size
  }

  get counts(): Float64Array {
    return this.numbers.subarray(0, SUM)
  }

  get octets(): number {
    return this.numbers[SUM] as number
  }
}

function above(size: number): number {
  const i = messageSizeBounds.findIndex((bound) => size <= bound)
  return i < 0 ? messageSizeBounds.length : i
}

/** Counters of the whole broker. */
export class BrokerCounters {
  received = 0
  receivedConfirm = 0
  confirmed = 0
  routed = 0
  unroutableReturned = 0
  unroutableDropped = 0
  /** Messages that were stored as persistent in at least one durable queue. */
  persisted = 0
  connectionsOpened = 0
  connectionsClosed = 0
  channelsOpened = 0
  channelsClosed = 0
  queuesDeclared = 0
  queuesCreated = 0
  queuesDeleted = 0
  deadLetteredRejected = 0
  deadLetteredExpired = 0
  deadLetteredMaxlen = 0
  deadLetteredDeliveryLimit = 0
  readonly sizes = new MessageSizes()
  /** Totals of deleted queues. */
  readonly goneQueues = new QueueCounters()
  /** Totals of deleted queues by queue type. */
  readonly goneKinds = new Map<string, QueueCounters>()

  queueGone(kind: string, counters: QueueCounters): void {
    this.goneQueues.add(counters)
    let ofKind = this.goneKinds.get(kind)
    if (ofKind === undefined) {
      ofKind = new QueueCounters()
      this.goneKinds.set(kind, ofKind)
    }
    ofKind.add(counters)
  }
}
