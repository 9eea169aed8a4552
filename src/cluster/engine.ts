/**
 * The requirements of a cluster on the system beneath it: one log that all nodes append to and read in the same order,
 * and messages between nodes. Nothing else is required: which node may write is decided by reading the log (ledger.ts).
 */

export type Unsubscribe = () => void

export type EngineErrorCode =
  /** Not stored: there is no room. */
  | 'FULL'
  /** Whether it is stored is unknown, or the engine cannot be reached. The call may be retried. */
  | 'AWAY'
  /** This engine must not be used, or it refuses this node. */
  | 'UNFIT'

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineErrorCode

  constructor(code: EngineErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** The current extent of the log. */
export interface LogBounds {
  /** Sequence of the first record that is kept; `last + 1` if there is none. */
  readonly first: number
  readonly last: number
  /** Octets on the disk of one server. */
  readonly bytes: number
  /** Identifies the log: changes if the log is deleted and created again. */
  readonly identity: string
  /** The leading server, and the other servers; empty for an engine without servers. */
  readonly leader: string
  readonly replicas: readonly LogCopy[]
}

/** A server that follows the leading one. */
export interface LogCopy {
  readonly name: string
  /** Whether it has all records; under traffic, a server that is a moment behind does not. */
  readonly current: boolean
  /** Number of records that it has not acknowledged. */
  readonly lag: number
  /** Whether the leading server has received something from it lately. */
  readonly reached: boolean
}

export interface LogListener {
  /** Receives each record once and in order. The octets belong to the listener. */
  record(sequence: number, bytes: Uint8Array): void
  /**
   * The records that come next have been removed (`first` is the first one left), or the log is another one, or an older
   * copy. Nothing is delivered after this.
   */
  gone(first: number): void
  /** The next record has been removed, but later ones exist. Nothing is delivered after this. */
  missing?(sequence: number): void
}

export interface Engine {
  /** Whether it is connected, as far as is known. */
  readonly connected: boolean
  /** Resolves when a quorum has stored the record. @throws EngineError */
  append(bytes: Uint8Array): Promise<void>
  /**
   * Delivers the records from that sequence on, and those appended later, until it is stopped.
   * @param log the log of which the earlier records were read: of another one, nothing is delivered; undefined = any
   */
  read(from: number, listener: LogListener, log?: string): Unsubscribe
  /** Removes the records below that sequence. @throws EngineError */
  purge(below: number): Promise<void>
  /** @throws EngineError */
  bounds(): Promise<LogBounds>
  /** Sends a message to all nodes, including this one; it may be lost. */
  say(bytes: Uint8Array): void
  hear(listener: (bytes: Uint8Array) => void): Unsubscribe
  close(): Promise<void>
}
