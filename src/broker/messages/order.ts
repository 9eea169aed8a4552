/** How a queue keeps its messages in order, and the operations on them. */
import type { InboundMessage } from '../message.ts'
import type { Segment } from './segment.ts'
import type { Holding } from './segments.ts'

/** A message found while browsing; its segment is loaded until the iteration continues. */
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
  /** Octets of the message bodies. */
  readonly readyBytes: number
  readonly unackedBytes: number
}

/** For delivering, expiring and dropping the first message. */
export interface OrderHead extends MessageCounts {
  /** Position of the first ready message, set by `head()`, and the sequence number with which it is settled. */
  readonly headSegment: Segment
  readonly headIndex: number
  readonly headSequence: number
  /** Finds the first ready message; returns false if there is none. */
  head(): boolean
  /** Marks the head as delivered and unacknowledged. */
  takeHead(): void
  /** Removes the head for good: delivered without acknowledgement, expired or dropped. */
  removeHead(): void
}

/** For delivered messages. */
export interface UnackedMessages {
  /** Removes an unacknowledged message for good. */
  settle(sequence: number): void
  /** Makes an unacknowledged message ready again, at its position. */
  requeue(sequence: number): void
  /** Makes a ready message unacknowledged, whatever its position. */
  take(sequence: number): void
  /** Marks state that is kept with the message as changed, so that it is stored. */
  changed(sequence: number): void
  /**
   * After `restore`: makes messages that waited for a delayed retry unacknowledged again, and returns them.
   * @param unread called for messages that cannot be read now: they stay ready
   */
  takeWaiting(unread: (error: unknown) => void): { number: number; until: number }[]
  /** Returns the position of a message; its segment is loaded. */
  find(sequence: number): { segment: Segment; index: number }
}

/** For messages that expire at any position. */
export interface ExpiringMessages extends Pick<UnackedMessages, 'take'> {
  /** The sequence numbers of some ready messages whose deadline is before `now`; empty if there are none. */
  expired(now: number): number[]
  /** When the next message at any position expires, in ms since 1970; 0 = never. */
  soonestExpiry(): number
}

export interface MessageOrder extends OrderHead, UnackedMessages, ExpiringMessages {
  /** When the first ready message arrived, in seconds since 1970; 0 = unknown, or no ready message. */
  readonly headSecond: number
  readonly holding: Holding
  append(m: InboundMessage, expiresAt: number): void
  /** Sets the second (since 1970) that is recorded as the arrival time of appended messages. */
  arriving(second: number): void
  /**
   * All ready and unacknowledged messages with numbers above `after`, without changing them. The order must not change
   * while the iteration is in progress.
   */
  browse(after: number): Iterable<Browsed>
  /** Restores the messages from the logs; returns the number of ready messages. */
  restore(): number
  /** Drops all ready messages; returns their number. */
  purge(): number
  /** Deletes all messages, also on disk. */
  destroy(): void
}
