/**
 * The interface of a store. It keeps metadata (small values under text keys) and logs (the messages of durable queues).
 * A log is a list of segments; a segment has one small state value and records, each a run of packed entries. One
 * suite, test/storage/contract.ts, runs over every implementation.
 */
import { StoreFailure } from '../util/owner.ts'
import type { StoredText } from '../util/stored-texts.ts'

export type StorageWrite =
  | { op: 'put'; key: string; value: Uint8Array }
  | { op: 'delete'; key: string }
  /** `index` is the position of the record's first message in its segment. The bytes must not change until written. */
  | { op: 'record'; log: number; segment: number; index: number; bytes: Uint8Array }
  | { op: 'segment'; log: number; segment: number; state: Uint8Array }
  | { op: 'drop-record'; log: number; segment: number; index: number }
  /** Removes the segment's state and all its records. */
  | { op: 'drop-segment'; log: number; segment: number }
  /** Removes all records of the segment; its state stays. */
  | { op: 'clear-segment'; log: number; segment: number }
  /** Removes a log at once; its number is not reused. */
  | { op: 'drop-log'; log: number }
  /** Removes all logs from that number on. */
  | { op: 'drop-logs'; from: number }

/** Logs from this number on are spill stores, which need not outlive the process. */
export const SPILL_LOGS_FROM = 0x8000_0000

/** The highest number that a log can have: keys have 32 bits for it. */
export const LOG_NUMBER_MAX = 0xffff_ffff

/** A value whose checksum does not match. It counts as absent and is kept aside. */
export interface Damage {
  readonly kind: 'record' | 'state' | 'metadata'
  readonly log?: number
  readonly segment?: number
  readonly index?: number
  readonly key?: string
}

export interface Storage {
  /** False if nothing outlives the process; then messages are never written. */
  readonly keeps: boolean
  /**
   * Applies the writes in order, all or none, and resolves when they are on disk. One call at a time.
   * @throws StorageError; then nothing of the batch was applied, and it may be retried.
   */
  write(batch: readonly StorageWrite[]): Promise<void>
  /** Metadata whose key starts with the prefix, in the order of the keys. */
  scan(prefix: string): Iterable<{ key: string; value: Uint8Array }>
  /** Like `scan`, but yields texts: faster for very many values, because none is copied before it is decoded. */
  scanTexts?(prefix: string): Iterable<StoredText>
  /** All logs that have segments, and possibly some that have none; a log may be listed more than once. */
  logs(): Iterable<number>
  /** The highest number of a log of which anything is stored or still being removed; 0 = there is none. */
  highestLog(): number
  /** `state` is undefined if it is damaged. */
  segments(log: number): Iterable<{ segment: number; state: Uint8Array | undefined }>
  /** The bytes are valid until the iterator's next step. */
  records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }>
  /** A copy of one record; undefined if there is none. */
  record(log: number, segment: number, index: number): Uint8Array | undefined
  /** Whether the broker that last used the store may have delivered messages without recording it. */
  readonly deliveriesUnknown?: boolean
  /** Damaged values found since the store was opened. */
  readonly damaged?: number
  /** The listener is called once for each damaged value. */
  onDamage?(listener: (damage: Damage) => void): void
  /** Free octets within the store's files. */
  reusableBytes?(): number
  /**
   * If the store applies writes some time after `write` has resolved: how many of the resolved calls are applied by
   * now. Reads see all of them; the octets of records may change only once they are applied.
   */
  readonly applied?: number
  /** Octets of records that are not applied yet. */
  readonly unappliedBytes?: number
  /** Why applying fails at the moment; undefined if it does not. It is retried. */
  readonly applyFailure?: unknown
  /**
   * Called each time `applied` has grown or an attempt to apply has failed. @returns a function that removes the
   * listener
   */
  onApplied?(listener: () => void): () => void
  /** Requests that outstanding writes are applied soon, to free memory. */
  applySoon?(): void
  /** Whether maintenance is due. */
  readonly maintenanceDue?: boolean
  /** Runs a step of maintenance. Called between writes; the next write waits for it, reads do not. */
  maintain?(): Promise<void>
  /**
   * Copies the store to an empty folder from which another broker can start: everything that was durable at the call,
   * and some later changes. Writes and reads continue.
   * @throws StorageError, also if a copy is already in progress
   */
  copyTo?(dir: string): Promise<void>
  close(): Promise<void>
}

/** IO: the store accepts no more writes until the next start. ENDED: another node has become the writer. */
export type StorageErrorCode = 'LOCKED' | 'VERSION' | 'UNREADABLE' | 'FULL' | 'IO' | 'DAMAGED' | 'ENDED'

/** For operators: the message says what is wrong and what to do. */
export class StorageError extends StoreFailure {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
