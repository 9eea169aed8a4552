/**
 * What a cluster needs of the machinery beneath it: one log that all nodes append to and read in the same order, and a
 * way to call to each other. Nothing is asked of it beyond that: who may write is decided by reading (ledger.ts).
 */

export type Unsubscribe = () => void

export type EngineErrorCode =
  /** It is not stored: there is no room. */
  | 'FULL'
  /** Nobody knows whether it is stored, or nothing is there to ask. It may be tried again. */
  | 'AWAY'
  /** This engine may not be used, or refuses us. */
  | 'UNFIT'

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineErrorCode

  constructor(code: EngineErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** The log as it is. */
export interface LogBounds {
  /** Sequence of the first record that is kept; `last + 1` where there is none. */
  readonly first: number
  readonly last: number
  /** Octets on the disk of one server. */
  readonly bytes: number
  /** Which log it is: another one where it was deleted and made anew. */
  readonly identity: string
  /** Server that leads, and the others with what they lag behind; empty where there are no servers. */
  readonly leader: string
  readonly replicas: readonly { readonly name: string; readonly current: boolean; readonly lag: number }[]
}

export interface LogListener {
  /** Each record once and in order. The octets are the listener's. */
  record(sequence: number, bytes: Uint8Array): void
  /** Records are gone that were to come next; the first one that is left. Nothing comes any more. */
  gone(first: number): void
}

export interface Engine {
  /** Connected, as far as it is known. */
  readonly connected: boolean
  /** Resolves when a quorum has stored the record. @throws EngineError */
  append(bytes: Uint8Array): Promise<void>
  /** Reads from that sequence on and goes on with what is appended, until it is told to stop. */
  read(from: number, listener: LogListener): Unsubscribe
  /** Forgets the records below that sequence. @throws EngineError */
  purge(below: number): Promise<void>
  /** @throws EngineError */
  bounds(): Promise<LogBounds>
  /** Calls to all nodes, this one too; may be lost. */
  say(bytes: Uint8Array): void
  hear(listener: (bytes: Uint8Array) => void): Unsubscribe
  close(): Promise<void>
}
