/** What exchanges, channels and operations see of a queue, whatever its kind. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Owner } from '../../util/owner.ts'
import type { QueueCounters } from '../counters.ts'
import type { Steps } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import type { Browsed } from '../messages/order.ts'
import type { Segment } from '../messages/segment.ts'
import type { Holding } from '../messages/segments.ts'
import type { AppliedPolicies } from '../policy/policy.ts'
import type { Aside, ParkedMessage } from './aside.ts'
import type { Consumer } from './consumers.ts'
import type { QueueKind } from './kinds/kinds.ts'
import type { LengthLimit } from './length-limit.ts'

/** The message is in the queue; nothing to wait for. */
export const PUBLISH_STORED = 0
/** It is safe once the open batch is on disk. */
export const PUBLISH_DURABLE = 1
/** The queue refuses it (x-overflow=reject-publish). */
export const PUBLISH_REFUSED = 2

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

/**
 * What becomes of a delivery: acknowledged; given back by its consumer (nack, recover, a time-out); back because
 * something went wrong (reject with requeue, the channel's end); rejected for good.
 */
export type Settlement = 'ack' | 'return' | 'fail' | 'reject'

export interface Delivery {
  readonly segment: Segment
  readonly index: number
  /** By which the message is settled. */
  readonly sequence: number
}

export interface QueueInfo {
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly kind: QueueKind
  /** As declared. */
  readonly arguments: FieldTable
}

/** What arguments and policies of a queue come to; times in ms; -1 or undefined = not set. */
export interface QueueSettings {
  readonly messageTtl: number
  readonly expires: number
  readonly limit: LengthLimit | undefined
  readonly deadLetterExchange: string | undefined
  readonly deadLetterRoutingKey: string | undefined
  /** Dead letters stay until a target has them. */
  readonly deadLetterAtLeastOnce: boolean
  readonly singleActiveConsumer: boolean
  /** How often a message may come back; -1 = without end, and uncounted. */
  readonly deliveryLimit: number
  /** x-max-priority; 0 = one order for all */
  readonly maxPriority: number
  /** How long a delivery may stay unsettled; 0 = for ever. */
  readonly consumerTimeout: number
  /** How long messages that come back wait, which grows with the number of returns. */
  readonly retry: RetrySettings | undefined
  /** Messages expire wherever they stand, not only at the head. */
  readonly expireAnywhere: boolean
  /** Of streams: how long messages stay, how many octets, and how many in one segment. */
  readonly maxAge: number
  readonly maxBytes: number
  readonly segmentBytes: number
}

export interface RetrySettings {
  /** Which returns are delayed. */
  readonly failed: boolean
  readonly returned: boolean
  /** ms times the number of returns, up to `max` */
  readonly min: number
  readonly max: number
}

/** A queue as publishers and routing see it. */
export interface RoutedQueue {
  readonly name: string
  readonly deleted: boolean
  /** Marks the queue as reached by the routing pass of that number. */
  routeStamp: number
  publish(m: InboundMessage): number
}

/** As those see it who take messages out of it. */
export interface ConsumedQueue extends QueueInfo, Owner {
  readonly deleted: boolean
  readonly settings: QueueSettings
  /** With x-single-active-consumer, the one that gets the messages. */
  readonly activeConsumer: Consumer | undefined
  readonly hasExclusiveConsumer: boolean
  /** Deliveries may differ from what was published: `asDelivered` says how. */
  readonly rewritesOnDelivery: boolean
  /** What has been set aside. */
  readonly aside: Aside
  /** The message as it goes out; undefined where it goes out as it is. */
  asDelivered(d: Delivery): InboundMessage | undefined
  consume(c: Consumer): void
  cancel(c: Consumer): void
  /** The consumer has credit again. */
  resume(c: Consumer): void
  /** Consumers get nothing until `letGo`: messages are coming back to their places. */
  hold(): void
  letGo(): void
  /** Finds the first ready message; `takeGot` takes it once it has been copied out. @throws AmqpError 405, 540 */
  get(): Delivery | undefined
  takeGot(noAck: boolean): void
  settle(sequence: number, how: Settlement): void
  /**
   * A ready message cannot be handled: it is set aside, so that those behind it go on.
   * @param during what was being done with it
   */
  setAside(sequence: number, during: string, error: unknown): void
}

/** As operators see it: nothing is changed. */
export interface InspectedQueue extends QueueInfo {
  readonly owner: object | undefined
  readonly settings: QueueSettings
  /** The policies that apply at present. */
  readonly policies: AppliedPolicies
  readonly deleted: boolean
  readonly counters: QueueCounters
  /** Messages ready, messages unacked, consumers. */
  readonly counts: { readonly ready: number; readonly unacked: number; readonly consumers: number }
  readonly bytes: { readonly ready: number; readonly unacked: number }
  /** When the first ready message came, in ms since 1970, to the second; 0 = unknown, or there is none. */
  readonly headArrivedAt: number
  readonly holding: Holding
  /** The consumers, in the order of their arrival. */
  readonly consumerList: Iterable<Consumer>
  /** With x-single-active-consumer, the one that gets the messages. */
  readonly activeConsumer: Consumer | undefined
  readonly hasExclusiveConsumer: boolean
  readonly aside: Iterable<ParkedMessage> & { readonly size: number }
  /** All messages behind number `after`, ready and unacked, untouched. Nothing may change the queue between two steps. */
  browse(after?: number): Iterable<Browsed>
}

/** Its life, from the store or a declaration to its end. */
export interface QueueLifetime {
  readonly log: number | undefined
  /** New policies, and what they come to. */
  configure(policies: AppliedPolicies, settings: QueueSettings): void
  /** A declare that found the queue as it is. */
  redeclared(): void
  /** Takes back what the log kept. */
  restore(): void
  /** No more timers; the messages stay where they are. */
  stop(): void
  /** @throws AmqpError 406 where a condition of queue.delete does not hold */
  checkDeletable(vhost: string, ifUnused: boolean, ifEmpty: boolean): void
  /** Ends the queue's life; returns how many messages were ready. Its consumers are told by `tellingConsumers`. */
  destroy(): number
  tellingConsumers(): Steps
}

export interface Queue extends RoutedQueue, ConsumedQueue, InspectedQueue, QueueLifetime {
  readonly name: string
  readonly settings: QueueSettings
  readonly deleted: boolean
  readonly aside: Aside
  /** Makes what was set aside ready again, or the message of that number; returns how many there were. */
  releaseParked(only?: number): number
  /** Takes a ready message out of the queue, for good. */
  removeReady(sequence: number): void
  /** @throws AmqpError 540 where the kind does not allow it */
  purge(): number
}
