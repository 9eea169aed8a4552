/** What a channel knows of the client at its other end. The connection implements it; a channel knows no sockets. */
import type { Broker } from '../broker/broker.ts'
import type { Steps } from '../broker/jobs.ts'
import type { Output } from '../output/output.ts'
import type { MethodId } from '../protocol/generated/constants.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Owner } from '../util/owner.ts'
import type { Channel } from './channel.ts'

/** As they are now. */
export interface ChannelLimits {
  readonly consumersPerChannel: number
  /** Octets published in a transaction that is not committed yet. */
  readonly transactionBytes: number
}

/** Asked after every batch, until it answers false. */
export interface DurableWaiter extends Owner {
  becameDurable(): boolean
}

/** A client that asks for much work gets it in pieces, between which the others have their turn. */
export interface Pace {
  /** A message has gone to that many queues, which is more work than its octets tell. */
  fannedOut(copies: number): void
  /** Something that may have been much work is done. */
  handled(): void
  /**
   * Does what may take several turns; the client's next frames wait. It is done to its end, whatever becomes of the client.
   * @param ch closed with what a step throws, as the answer to method `id`
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
  /** Whether the client has announced that it understands something beyond the protocol. */
  has(capability: string): boolean
  /**
   * Runs an operation and sends its reply, where it changed something durable only once that is on disk; until then the
   * client's next frames wait.
   */
  replyWhenDurable(ch: Channel, operation: () => ServerMethod | undefined): void
  /**
   * The same of what may take several turns and comes to the disk together: all of it or nothing outlives a crash. The
   * reply waits for whatever is on its way to the disk, not just for changes of metadata.
   */
  replyWhenAllDurable(ch: Channel, steps: Steps<ServerMethod>, id: MethodId): void
  /** Sends a notification: behind the reply, where an operation of this client is the reason for it. */
  notify(send: () => void): void
  awaitDurable(w: DurableWaiter): void
  /** It takes no more octets just now: no deliveries until its channels are resumed. */
  congested(): void
  /** The client has closed the channel: its number is free when it is told, once all is given back. */
  closeChannel(ch: Channel, tell: () => void): void
  /** Closes the channel or the connection with what is wrong. */
  failed(error: unknown, channel: number): void
  /** Its state or its output is not what the client expects: it ends without a word. */
  broke(error: unknown): void
}
