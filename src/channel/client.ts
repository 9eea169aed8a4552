/** What a channel knows of its client. The connection implements it; a channel knows no sockets. */
import type { Broker } from '../broker/broker.ts'
import type { Steps } from '../broker/jobs.ts'
import type { Output } from '../output/output.ts'
import type { MethodId } from '../protocol/generated/constants.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Owner } from '../util/owner.ts'
import type { Channel } from './channel.ts'

/** Current values. */
export interface ChannelLimits {
  readonly consumersPerChannel: number
  /** Maximum octets published in an open transaction. */
  readonly transactionBytes: number
}

/** Called after every batch until it returns false. */
export interface DurableWaiter extends Owner {
  becameDurable(): boolean
}

/** Divides the work of a demanding client into pieces, so that the others are served in between. */
export interface Pace {
  /** A message went to that many queues, which is more work than its size tells. */
  fannedOut(copies: number): void
  /** Something that may have been expensive is done. */
  handled(): void
  /**
   * Runs work that may take several turns, while the client's next frames wait. It runs to its end even if the client
   * disconnects.
   * @param ch closed with the error of a step, as the answer to method `id`
   */
  work<T>(steps: Steps<T>, done?: (result: T) => void, ch?: Channel, id?: number): void
}

export interface Client {
  /** `host:port -> host:port` */
  readonly name: string
  readonly peer: { readonly address: string; readonly port: number }
  readonly broker: Broker
  /** Its timers are charged to the client. */
  readonly clock: Clock
  readonly output: Output
  /** Octets of a frame, as negotiated; 0 = no limit. */
  readonly frameBytesMax: number
  readonly limits: ChannelLimits
  readonly pace: Pace
  /** About channels. */
  readonly channelLogger: Logger
  /** Whether the client announced a capability. */
  has(capability: string): boolean
  /**
   * Runs an operation and sends its reply. If it made durable changes, the reply and the client's next frames wait
   * until they are on disk.
   */
  replyWhenDurable(ch: Channel, operation: () => ServerMethod | undefined): void
  /**
   * The same for work that may take several turns and is written atomically: all of it survives a crash, or nothing.
   * The reply waits for all pending writes, not only for metadata.
   * @param waits comes before it, while others may write; results in false if the work must not be done
   */
  replyWhenAllDurable(ch: Channel, steps: Steps<ServerMethod>, id: MethodId, waits: Steps<boolean>): void
  /** Sends a notification; one caused by an operation of this client follows the reply. */
  notify(send: () => void): void
  awaitDurable(w: DurableWaiter): void
  /** Its socket is full: no deliveries until its channels are resumed. */
  congested(): void
  /** The client closed the channel: when all is requeued, the number is free and the client is told. */
  closeChannel(ch: Channel, tell: () => void): void
  /** Closes the channel or the connection with the error. */
  failed(error: unknown, channel: number): void
  /** Its state or output is corrupt: the socket is closed without notice. */
  broke(error: unknown): void
}
