/** What a channel needs from its client. Implemented by the connection; a channel knows no sockets. */
import type { Broker } from '../broker/broker.ts'
import type { Steps } from '../broker/jobs.ts'
import type { Output } from '../output/output.ts'
import type { MethodId } from '../protocol/generated/constants.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Owner } from '../util/owner.ts'
import type { Channel } from './channel.ts'

/** The limits as currently configured. */
export interface ChannelLimits {
  readonly consumersPerChannel: number
  /** Maximum octets published in an open transaction. */
  readonly transactionBytes: number
}

/** Notified after every batch until it returns false. */
export interface DurableWaiter extends Owner {
  becameDurable(): boolean
}

/** Divides the work of a demanding client into pieces, so that other clients are served in between. */
export interface Pace {
  /** Reports that a message was copied to that many queues, which is more work than its size suggests. */
  fannedOut(copies: number): void
  /** Reports the end of an operation that may have been expensive. */
  handled(): void
  /**
   * Runs work that may take several turns; the client's next frames wait meanwhile. The work is completed even if the
   * client disconnects.
   * @param ch channel that is closed if a step throws an error, as the reply to method `id`
   */
  work<T>(steps: Steps<T>, done?: (result: T) => void, ch?: Channel, id?: number): void
}

export interface Client {
  /** `host:port -> host:port` */
  readonly name: string
  readonly peer: { readonly address: string; readonly port: number }
  readonly broker: Broker
  /** A clock whose timers charge their errors to the client. */
  readonly clock: Clock
  readonly output: Output
  /** Negotiated maximum size of a frame in octets; 0 = no limit. */
  readonly frameBytesMax: number
  readonly limits: ChannelLimits
  readonly pace: Pace
  /** Logs events of channels. */
  readonly channelLogger: Logger
  /** Whether the client announced a capability. */
  has(capability: string): boolean
  /**
   * Runs an operation and sends its reply. If it made durable changes, the reply and the client's next frames wait
   * until these are on disk.
   */
  replyWhenDurable(ch: Channel, operation: () => ServerMethod | undefined): void
  /**
   * As `replyWhenDurable`, for work that may take several turns and is written atomically: after a crash, either all of
   * it or nothing is there. The reply waits for all pending writes, not only for those of metadata.
   * @param waits steps that run first, while other clients may write; returns false if the work must not be done
   */
  replyWhenAllDurable(ch: Channel, steps: Steps<ServerMethod>, id: MethodId, waits: Steps<boolean>): void
  /** Sends a notification; if an operation of this client has caused it, it follows the reply. */
  notify(send: () => void): void
  awaitDurable(w: DurableWaiter): void
  /** Called when the socket is full: no deliveries until the channels are resumed. */
  congested(): void
  /** Called when the client closes a channel. When all deliveries are requeued, frees its number and calls `tell`. */
  closeChannel(ch: Channel, tell: () => void): void
  /** Closes the channel or the connection because of the error. */
  failed(error: unknown, channel: number): void
  /** Closes the socket without notice, because the connection's state or output is corrupt. */
  broke(error: unknown): void
}
