/**
 * The contract of a commit log: a sequence of records that are durable once `append` has resolved, each with a position
 * that is one more than that of the previous record. The log does not interpret the octets; it relies only on each
 * record ending with the CRC-32C of the octets before it (`seal`). One test suite, test/storage/log/contract.ts, runs
 * against every implementation.
 */
import { crc32c } from '../../util/crc32c.ts'

export interface LogRecord {
  readonly position: number
  readonly bytes: Uint8Array
}

export interface CommitLog {
  /** Position of the first record that is kept; `last + 1` if there is none. */
  readonly first: number
  /** Position of the last record. */
  readonly last: number
  /** Octets that the log takes on the disk of this machine. */
  readonly bytes: number
  /**
   * Resolves with the record's position when it is durable. One call at a time. The octets belong to the log until
   * then.
   * @throws StorageError; with FULL, the record is not in the log and may be appended again. With any other code it may
   * or may not be in the log, which accepts nothing more.
   */
  append(bytes: Uint8Array): Promise<number>
  /** The records from that position on that existed at the time of the call. @throws StorageError DAMAGED */
  read(from: number): AsyncIterable<LogRecord>
  /** Records below that position are no longer needed. */
  trim(below: number): void
  /** Until the returned function is called, `trim` removes nothing. */
  hold?(): () => void
  /** Writes files into that folder that hold every record present by now, on disk. Rejects if the disk is full. */
  copyTo?(dir: string): Promise<void>
  close(): Promise<void>
}

/** Octets of the checksum at the end of a record. */
export const SEAL_BYTES = 4

/** Writes the checksum of the octets before the last four into the last four. */
export function seal(bytes: Uint8Array): void {
  putSeal(bytes, crc32c(bytes, 0, bytes.length - SEAL_BYTES))
}

/** The same for very many octets. @param rest called behind each piece of so many */
export async function sealInPieces(
  bytes: Uint8Array,
  pieceBytes: number,
  rest: () => Promise<void>,
): Promise<void> {
  const end = bytes.length - SEAL_BYTES
  let sum = 0
  for (let at = 0; at < end; at += pieceBytes) {
    sum = crc32c(bytes, at, Math.min(end, at + pieceBytes), sum)
    await rest()
  }
  putSeal(bytes, sum)
}

function putSeal(bytes: Uint8Array, sum: number): void {
  new DataView(bytes.buffer, bytes.byteOffset + bytes.length - SEAL_BYTES, SEAL_BYTES).setUint32(0, sum, true)
}

export function isSealed(bytes: Uint8Array): boolean {
  const end = bytes.length - SEAL_BYTES
  if (end < 0) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset + end, SEAL_BYTES)
  return view.getUint32(0, true) === crc32c(bytes, 0, end)
}
