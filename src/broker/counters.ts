/** What is counted as it happens, for the HTTP API and for metrics: plain numbers, which only grow. */

/** Of one queue. */
export class QueueCounters {
  published = 0
  delivered = 0
  deliveredNoAck = 0
  got = 0
  gotNoAck = 0
  gotEmpty = 0
  acknowledged = 0
  redelivered = 0

  add(o: QueueCounters): void {
    for (const k of queueCounterNames) this[k] += o[k]
  }
}

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

/** Of one channel. */
export class ChannelCounters extends QueueCounters {
  /** Acknowledged to the publisher. */
  confirmed = 0
  returned = 0
}

export const channelCounterNames = [...queueCounterNames, 'confirmed', 'returned'] as const

/** Of the whole broker. */
export class BrokerCounters {
  received = 0
  receivedConfirm = 0
  confirmed = 0
  routed = 0
  unroutableReturned = 0
  unroutableDropped = 0
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
  /** Of queues that are gone. */
  readonly goneQueues = new QueueCounters()
}

export const brokerCounterNames = [
  'received',
  'confirmed',
  'unroutableReturned',
  'unroutableDropped',
  'connectionsOpened',
  'connectionsClosed',
  'channelsOpened',
  'channelsClosed',
  'queuesDeclared',
  'queuesCreated',
  'queuesDeleted',
] as const
