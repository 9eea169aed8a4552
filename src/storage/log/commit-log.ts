/**
 * The contract of a commit log: a sequence of records that are kept once `append` has resolved, each under the position
 * that is one more than that of the record before. It knows octets, not what they mean; only that each record ends with
 * the CRC-32C of what stands in front of it (`seal`). One suite, test/storage/log/contract.ts, runs over every
 * implementation.
 */
import { crc32c } from '../../util/crc32c.ts'

export interface LogRecord {
  readonly position: number
  readonly bytes: Uint8Array
}

export interface CommitLog {
  /** Position of the first record that is kept; `last + 1` where there is none. */
  readonly first: number
  /** Position of the last record. */
  readonly last: number
  /** Octets that the log holds on the disk of this machine. */
  readonly bytes: number
  /**
   * Resolves with the record's position when it is safe. One call at a time. The octets are the log's until then.
   * @throws StorageError; with FULL the record is not there and may be appended again. With any other code nobody knows
   * whether it is, and the log takes nothing more.
   */
  append(bytes: Uint8Array): Promise<number>
  /** The records from that position on that were there when it was called. @throws StorageError DAMAGED */
  read(from: number): AsyncIterable<LogRecord>
  /** Records below that position are needed no more. */
  trim(below: number): void
  /** From now on until the function that it returns is called, `trim` forgets nothing. */
  hold?(): () => void
  /** Writes files there that hold every record that is here by now, on disk. A disk that is full rejects. */
  copyTo?(dir: string): Promise<void>
  close(): Promise<void>
}

const SEAL_BYTES = 4

/** Writes the checksum of all but the last four octets there. */
export function seal(bytes: Uint8Array): void {
  const end = bytes.length - SEAL_BYTES
  new DataView(bytes.buffer, bytes.byteOffset + end, SEAL_BYTES).setUint32(0, crc32c(bytes, 0, end), true)
}

export function isSealed(bytes: Uint8Array): boolean {
  const end = bytes.length - SEAL_BYTES
  if (end < 0) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset + end, SEAL_BYTES)
  return view.getUint32(0, true) === crc32c(bytes, 0, end)
}
