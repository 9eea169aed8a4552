/** The order in which a queue holds its messages, and the operations on them. */
import type { InboundMessage } from '../message.ts'
import type { Segment } from './segment.ts'
import type { Holding } from './segments.ts'

/** A message found while browsing; its segment is loaded until the next step. */
export interface Browsed {
  readonly segment: Segment
  readonly index: number
  readonly sequence: number
  readonly unacked: boolean
  /** In ms since 1970, to the second; 0 = unknown. */
  readonly arrivedAt: number
}

export interface MessageCounts {
  readonly ready: number
  readonly unacked: number
  /** Octets of the bodies. */
  readonly readyBytes: number
  readonly unackedBytes: number
}

/** For delivering, expiring and dropping the next message. */
export interface OrderHead extends MessageCounts {
  /** Where `head()` found the first ready message, and the number by which it is settled. */
  readonly headSegment: Segment
  readonly headIndex: number
  readonly headSequence: number
  /** Finds the first ready message; false where there is none. */
  head(): boolean
  /** The head is delivered and becomes unacked. */
  takeHead(): void
  /** The head leaves for good: delivered without acknowledgement, expired or dropped. */
  removeHead(): void
}

/** For delivered messages. */
export interface UnackedMessages {
  /** An unacked message leaves for good. */
  settle(sequence: number): void
  /** An unacked message returns to its position. */
  requeue(sequence: number): void
  /** A ready message, wherever it stands, becomes an unacked one. */
  take(sequence: number): void
  /** State kept with the message has changed and must be stored. */
  changed(sequence: number): void
  /** After `restore`: the messages that waited (see delivery-limit.ts) become unacked ones again. */
  takeWaiting(): { number: number; until: number }[]
  /** Where a message lies; loaded. */
  find(sequence: number): { segment: Segment; index: number }
}

/** For messages that expire wherever they stand. */
export interface ExpiringMessages extends Pick<UnackedMessages, 'take'> {
  /** Numbers of ready messages whose time was over before `now`, some at a time; empty where there are no more. */
  expired(now: number): number[]
  /** When the next message anywhere expires, in ms since 1970; 0 = never. */
  soonestExpiry(): number
}

export interface MessageOrder extends OrderHead, UnackedMessages, ExpiringMessages {
  /** When the first ready message came, in seconds since 1970; 0 = unknown, or there is none. */
  readonly headSecond: number
  readonly holding: Holding
  append(m: InboundMessage, expiresAt: number): void
  /** Sets the second (since 1970) in which appended messages arrive. */
  arriving(second: number): void
  /**
   * All messages behind number `after`, ready and unacked, without touching them. Nothing may change the order between
   * two steps.
   */
  browse(after: number): Iterable<Browsed>
  /** Restores the messages of the logs; returns how many are ready. */
  restore(): number
  /** Drops every ready message; returns how many. */
  purge(): number
  /** Deletes everything, also on disk. */
  destroy(): void
}
