/**
 * The contract of a store. It keeps two things: metadata, small values under text keys, and logs, the messages of
 * durable queues. A log is a list of segments; a segment has one small state value and records, each a run of packed
 * entries. One suite, test/storage/contract.ts, runs over every implementation.
 */
import { StoreFailure } from '../util/owner.ts'

export type StorageWrite =
  | { op: 'put'; key: string; value: Uint8Array }
  | { op: 'delete'; key: string }
  /** `index` is the position of the record's first message in its segment. The bytes stay unchanged until written. */
  | { op: 'record'; log: number; segment: number; index: number; bytes: Uint8Array }
  | { op: 'segment'; log: number; segment: number; state: Uint8Array }
  | { op: 'drop-record'; log: number; segment: number; index: number }
  /** Removes the segment's state and all its records. */
  | { op: 'drop-segment'; log: number; segment: number }
  /** The log is gone at once; its number is not used again. */
  | { op: 'drop-log'; log: number }
  /** Removes all logs from that number on. */
  | { op: 'drop-logs'; from: number }

export interface Storage {
  /** False where nothing outlives the process: then no message is ever written. */
  readonly keeps: boolean
  /**
   * Applies the writes in their order, all or none, and resolves when they are on disk. One call at a time.
   * @throws StorageError; nothing of the batch is there then, and the same batch may be tried again.
   */
  write(batch: readonly StorageWrite[]): Promise<void>
  /** Metadata whose key starts with the prefix, in the order of the keys. */
  scan(prefix: string): Iterable<{ key: string; value: Uint8Array }>
  segments(log: number): Iterable<{ segment: number; state: Uint8Array }>
  /** The bytes are valid until the next step. */
  records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }>
  /** One record, with octets of its own; undefined where there is none. */
  record(log: number, segment: number, index: number): Uint8Array | undefined
  /** Octets in the store's files that new writes can use. */
  reusableBytes?(): number
  /** House-keeping is due. */
  readonly maintenanceDue?: boolean
  /** Keeps house for a moment. Called between writes; the next write waits for it, reads need not. */
  maintain?(): Promise<void>
  close(): Promise<void>
}

export type StorageErrorCode = 'LOCKED' | 'VERSION' | 'UNREADABLE' | 'FULL' | 'IO'

/** What an operator is told: the message says what is wrong and what to do. */
export class StorageError extends StoreFailure {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
