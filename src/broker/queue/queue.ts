/** The interfaces of all queue types, for exchanges, channels and operations. */
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
import type { StoredLetter } from './letter-store.ts'

/** The message is in the queue; the publisher need not wait for the disk. */
export const PUBLISH_STORED = 0
/** The message is in the queue, and safe once the current batch is on disk. */
export const PUBLISH_DURABLE = 1
/** The queue rejects the message (x-overflow=reject-publish). */
export const PUBLISH_REFUSED = 2

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

/**
 * How a delivery is settled: acknowledged; returned by its consumer (nack, recover, consumer timeout); failed (reject
 * with requeue, closed channel); rejected without requeue.
 */
export type Settlement = 'ack' | 'return' | 'fail' | 'reject'

/** Whether the message is requeued. */
export function returns(how: Settlement): boolean {
  return how === 'return' || how === 'fail'
}

/** Whether settling a delivery of the queue in that way may dead-letter the message. */
export function mayDie(queue: Pick<ConsumedQueue, 'settings'>, how: Settlement): boolean {
  const { deadLetterExchange, deliveryLimit } = queue.settings
  return deadLetterExchange !== undefined && (how === 'reject' || (returns(how) && deliveryLimit >= 0))
}

/** Whether settling it must wait for the disk, as what may be dead-lettered does: there may be gigabytes. */
export function waitsForDisk(
  turn: { isBehind(): boolean },
  queue: Pick<ConsumedQueue, 'settings'>,
  how: Settlement,
): boolean {
  return turn.isBehind() && mayDie(queue, how)
}

export interface Delivery {
  readonly segment: Segment
  readonly index: number
  /** The message's sequence number, which settles the delivery. */
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

/** The effective settings, computed from arguments and policies. Times in ms; -1 or undefined = not set. */
export interface QueueSettings {
  readonly messageTtl: number
  readonly expires: number
  readonly limit: LengthLimit | undefined
  readonly deadLetterExchange: string | undefined
  readonly deadLetterRoutingKey: string | undefined
  /** Dead-lettered messages stay in the queue until all targets have them. */
  readonly deadLetterAtLeastOnce: boolean
  readonly singleActiveConsumer: boolean
  /** How often a message may be requeued; -1 = unlimited, and not counted. */
  readonly deliveryLimit: number
  /** x-max-priority; 0 = no priorities */
  readonly maxPriority: number
  /** How long a delivery may stay unsettled, in ms; 0 = no limit. */
  readonly consumerTimeout: number
  /** How long requeued messages wait; undefined = they do not wait. */
  readonly retry: RetrySettings | undefined
  /** Messages expire at any position, not only at the head. */
  readonly expireAnywhere: boolean
  /** For streams: maximum age, maximum size, and segment size. */
  readonly maxAge: number
  readonly maxBytes: number
  readonly segmentBytes: number
}

export interface RetrySettings {
  /** Which requeued messages wait: those of settlement 'fail', of settlement 'return'. */
  readonly failed: boolean
  readonly returned: boolean
  /** The wait is `min` ms times the number of returns, but at most `max` ms. */
  readonly min: number
  readonly max: number
}

/** A queue as publishers and routing see it. */
export interface RoutedQueue {
  readonly name: string
  readonly deleted: boolean
  /** The number of the last routing search that reached the queue. */
  routeStamp: number
  publish(m: InboundMessage): number
}

/** A queue as its consumers see it. */
export interface ConsumedQueue extends QueueInfo, Owner {
  readonly deleted: boolean
  readonly settings: QueueSettings
  /** The active consumer if the queue has x-single-active-consumer. */
  readonly activeConsumer: Consumer | undefined
  readonly hasExclusiveConsumer: boolean
  /** Whether deliveries may differ from the published message; see `asDelivered`. */
  readonly rewritesOnDelivery: boolean
  /** Set when a delivery has taken as long as thousands of others, so that the time is checked next. */
  looks: boolean
  /** The message as it is delivered; undefined if it is unchanged. */
  asDelivered(d: Delivery): InboundMessage | undefined
  consume(c: Consumer): void
  cancel(c: Consumer): void
  /** Called when the consumer has credit again. */
  resume(c: Consumer): void
  /** Stops deliveries until `letGo`, while messages return to their positions. */
  hold(): void
  letGo(): void
  /**
   * Finds the first ready message; `takeGot` removes it once it has been copied to the output.
   * @throws AmqpError 405 or 540
   */
  get(): Delivery | undefined
  takeGot(noAck: boolean): void
  /** If this throws, such as for want of memory, the queue settles the delivery later. */
  settle(sequence: number, how: Settlement): void
  /**
   * Parks a ready message that cannot be handled, so that the messages behind it are delivered.
   * @param during the operation that failed
   */
  setAside(sequence: number, during: string, error: unknown): void
  /** Called when the delivery of that message broke a connection, before the message is requeued. */
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
  /** Numbers of ready messages, unacknowledged messages and consumers. */
  readonly counts: { readonly ready: number; readonly unacked: number; readonly consumers: number }
  readonly bytes: { readonly ready: number; readonly unacked: number }
  /** When the first ready message arrived, in ms since 1970, to the second; 0 = unknown, or no ready message. */
  readonly headArrivedAt: number
  readonly holding: Holding
  /** The consumers, in the order in which they were added. */
  readonly consumerList: Iterable<Consumer>
  /** The active consumer if the queue has x-single-active-consumer. */
  readonly activeConsumer: Consumer | undefined
  readonly hasExclusiveConsumer: boolean
  /** Parked messages. */
  readonly aside: ParkedMessages
  /**
   * Iterates over the ready and unacknowledged messages with numbers above `after`. The queue must not change while the
   * iteration is in progress.
   */
  browse(after?: number): Iterable<Browsed>
}

/** The lifecycle of a queue, from its declaration or restoration to its deletion. */
export interface QueueLifetime {
  readonly log: number | undefined
  /** Applies new policies and the resulting settings. */
  configure(policies: AppliedPolicies, settings: QueueSettings): void
  /** Called when the existing queue is declared again. */
  redeclared(): void
  /** Restores the messages from the queue's logs. */
  restore(): void
  /** Passes on the dead letter of a message that it refused in an earlier run. Returns false if there is to be none. */
  restoreRefused?(letter: StoredLetter): boolean
  /** Stops timers; the messages stay. */
  stop(): void
  /** @throws AmqpError 406 if a condition of queue.delete is not met */
  checkDeletable(vhost: string, ifUnused: boolean, ifEmpty: boolean): void
  /** Deletes all messages; returns the number of ready ones. Consumers are cancelled by `tellingConsumers`. */
  destroy(): number
  tellingConsumers(): Steps
}

export interface Queue extends RoutedQueue, ConsumedQueue, InspectedQueue, QueueLifetime {
  readonly name: string
  readonly settings: QueueSettings
  readonly deleted: boolean
  /** The bindings whose destination is the queue; maintained by exchange/bindings.ts. */
  boundTo: object | undefined
  /** Makes all parked messages ready again, or only that one; returns their number. */
  releaseParked(only?: number): number
  /** Removes a ready message from the queue for good. */
  removeReady(sequence: number): void
  /**
   * Removes a ready message that `give` passes to another queue. Returns false, and the message stays, if it is not
   * ready any more or `give` returns false.
   */
  moveReady(sequence: number, give: () => boolean): boolean
  /** Removes all ready messages; returns their number. @throws AmqpError 540 if the queue type does not support it */
  purge(): number
}
