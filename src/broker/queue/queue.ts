/** The interfaces of a queue, whatever its kind, for exchanges, channels and operations. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Owner } from '../../util/owner.ts'
import type { QueueCounters } from '../counters.ts'
import type { Steps } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import type { Browsed } from '../messages/order.ts'
import type { Segment } from '../messages/segment.ts'
import type { Holding } from '../messages/segments.ts'
import type { AppliedPolicies } from '../policy/policy.ts'
import type { ParkedMessages } from './aside.ts'
import type { Consumer } from './consumers.ts'
import type { QueueKind } from './kinds/kinds.ts'
import type { LengthLimit } from './length-limit.ts'

/** The message is in the queue, and there is nothing to wait for. */
export const PUBLISH_STORED = 0
/** The message is safe once the open batch is on disk. */
export const PUBLISH_DURABLE = 1
/** The queue refuses the message (x-overflow=reject-publish). */
export const PUBLISH_REFUSED = 2

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

/**
 * How a delivery is settled: acknowledged; returned by its consumer (nack, recover, a timeout); failed (reject with
 * requeue, a closed channel); rejected without requeue.
 */
export type Settlement = 'ack' | 'return' | 'fail' | 'reject'

/** Whether the message comes back to its queue. */
export function returns(how: Settlement): boolean {
  return how === 'return' || how === 'fail'
}

/** Whether the message may become a dead letter. */
export function mayDie(queue: Pick<ConsumedQueue, 'settings'>, how: Settlement): boolean {
  const { deadLetterExchange, deliveryLimit } = queue.settings
  return deadLetterExchange !== undefined && (how === 'reject' || (returns(how) && deliveryLimit >= 0))
}

export interface Delivery {
  readonly segment: Segment
  readonly index: number
  /** Its sequence number, for settling it. */
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

/** The effective settings of a queue, from its arguments and policies. Times in ms; -1 or undefined = not set. */
export interface QueueSettings {
  readonly messageTtl: number
  readonly expires: number
  readonly limit: LengthLimit | undefined
  readonly deadLetterExchange: string | undefined
  readonly deadLetterRoutingKey: string | undefined
  /** Dead letters stay until all targets have them. */
  readonly deadLetterAtLeastOnce: boolean
  readonly singleActiveConsumer: boolean
  /** How often a message may be requeued; -1 = without limit, and not counted. */
  readonly deliveryLimit: number
  /** x-max-priority; 0 = one order for all */
  readonly maxPriority: number
  /** How long a delivery may stay unsettled; 0 = no limit. */
  readonly consumerTimeout: number
  /** How long requeued messages wait, which grows with the number of returns. */
  readonly retry: RetrySettings | undefined
  /** Messages expire wherever they stand, not only at the head. */
  readonly expireAnywhere: boolean
  /** For streams: maximum age, maximum size, and size of a segment. */
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
  /** The last routing pass that reached the queue. */
  routeStamp: number
  publish(m: InboundMessage): number
}

/** A queue as its consumers see it. */
export interface ConsumedQueue extends QueueInfo, Owner {
  readonly deleted: boolean
  readonly settings: QueueSettings
  /** With x-single-active-consumer, the active one. */
  readonly activeConsumer: Consumer | undefined
  readonly hasExclusiveConsumer: boolean
  /** Deliveries may differ from the published message; see `asDelivered`. */
  readonly rewritesOnDelivery: boolean
  /** Set where something has been done for a delivery that takes as long as thousands of others: the time is looked at. */
  looks: boolean
  /** The message as it is delivered; undefined if it is unchanged. */
  asDelivered(d: Delivery): InboundMessage | undefined
  consume(c: Consumer): void
  cancel(c: Consumer): void
  /** The consumer has credit again. */
  resume(c: Consumer): void
  /** Stops deliveries until `letGo`, while messages return to their positions. */
  hold(): void
  letGo(): void
  /**
   * Finds the first ready message; `takeGot` removes it once it has been copied to the output. @throws AmqpError 405,
   * 540
   */
  get(): Delivery | undefined
  takeGot(noAck: boolean): void
  settle(sequence: number, how: Settlement): void
  /**
   * Parks a ready message that cannot be handled, so that those behind it go on.
   * @param during the operation that failed
   */
  setAside(sequence: number, during: string, error: unknown): void
  /** The delivery of that message broke a connection, which is about to return it. */
  broke(sequence: number): void
}

/** A queue as operators see it, read-only. */
export interface InspectedQueue extends QueueInfo {
  readonly owner: object | undefined
  readonly settings: QueueSettings
  /** The policies that apply now. */
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
  /** With x-single-active-consumer, the active one. */
  readonly activeConsumer: Consumer | undefined
  readonly hasExclusiveConsumer: boolean
  /** Parked messages. */
  readonly aside: ParkedMessages
  /**
   * Iterates over all messages after number `after`, ready and unacked. The queue must not change between two steps.
   */
  browse(after?: number): Iterable<Browsed>
}

/** The lifetime of a queue, from its declaration or restoration to its deletion. */
export interface QueueLifetime {
  readonly log: number | undefined
  /** Applies new policies and the settings that result. */
  configure(policies: AppliedPolicies, settings: QueueSettings): void
  /** Called for a declaration of the existing queue. */
  redeclared(): void
  /** Restores the messages of its log. */
  restore(): void
  /** Stops timers; the messages stay. */
  stop(): void
  /** @throws AmqpError 406 if a condition of queue.delete is not met */
  checkDeletable(vhost: string, ifUnused: boolean, ifEmpty: boolean): void
  /** Ends the queue's life; returns how many messages were ready. Its consumers are told by `tellingConsumers`. */
  destroy(): number
  tellingConsumers(): Steps
}

export interface Queue extends RoutedQueue, ConsumedQueue, InspectedQueue, QueueLifetime {
  readonly name: string
  readonly settings: QueueSettings
  readonly deleted: boolean
  /** Its bindings as a destination, which exchange/bindings.ts keeps there. */
  boundTo: object | undefined
  /** Makes what was set aside ready again, or the message of that number; returns how many there were. */
  releaseParked(only?: number): number
  /** Takes a ready message out of the queue, for good. */
  removeReady(sequence: number): void
  /** @throws AmqpError 540 if the kind does not support it */
  purge(): number
}
