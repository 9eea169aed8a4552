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
  /** Removes all records that the segment has so far; its state stays. */
  | { op: 'clear-segment'; log: number; segment: number }
  /** The log is gone at once; its number is not used again. */
  | { op: 'drop-log'; log: number }
  /** Removes all logs from that number on. */
  | { op: 'drop-logs'; from: number }

/** Logs from this number on hold what was paged out of transient queues: it need not outlive the process. */
export const SPILL_LOGS_FROM = 0x8000_0000

/** A value that is not as it was written: its checksum says so. It counts as not there and is kept aside. */
export interface Damage {
  readonly kind: 'record' | 'state' | 'metadata'
  readonly log?: number
  readonly segment?: number
  readonly index?: number
  readonly key?: string
}

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
  /** `state` is undefined where it is damaged. */
  segments(log: number): Iterable<{ segment: number; state: Uint8Array | undefined }>
  /** The bytes are valid until the next step. */
  records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }>
  /** One record, with octets of its own; undefined where there is none. */
  record(log: number, segment: number, index: number): Uint8Array | undefined
  /** The broker that wrote it last may have delivered messages without a note of it. */
  readonly deliveriesUnknown?: boolean
  /** Damaged values met since the store was opened. */
  readonly damaged?: number
  /** Told once of each. */
  onDamage?(listener: (damage: Damage) => void): void
  /** Octets in the store's files that new writes can use. */
  reusableBytes?(): number
  /**
   * Where the store takes over later what `write` has made safe: how many of the calls that have resolved it has taken
   * over by now. Reads see them all; only from then on may the octets of their records change.
   */
  readonly applied?: number
  /** Octets of records that are not taken over yet. */
  readonly unappliedBytes?: number
  /** Why nothing is taken over at the moment; undefined while all is well. It is tried again. */
  readonly applyFailure?: unknown
  /** Told each time `applied` has moved, or could not. @returns how to stop listening */
  onApplied?(listener: () => void): () => void
  /** Somebody waits for memory: what is not taken over yet is, soon. */
  applySoon?(): void
  /** House-keeping is due. */
  readonly maintenanceDue?: boolean
  /** Keeps house for a moment. Called between writes; the next write waits for it, reads need not. */
  maintain?(): Promise<void>
  /**
   * Writes a copy into an empty folder that another broker can start from: everything that was safe when it was called, and
   * some of what came meanwhile. Writes and reads go on.
   * @throws StorageError, also where a copy is being made already
   */
  copyTo?(dir: string): Promise<void>
  close(): Promise<void>
}

/** ENDED: another node writes from now on. */
export type StorageErrorCode = 'LOCKED' | 'VERSION' | 'UNREADABLE' | 'FULL' | 'IO' | 'DAMAGED' | 'ENDED'

/** What an operator is told: the message says what is wrong and what to do. */
export class StorageError extends StoreFailure {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
