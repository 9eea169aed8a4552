/**
 * Keys and checksums of the store's databases. Numbers in keys are big-endian, so that the order of keys is their
 * order. A checksum (CRC-32C) covers key and value. For a record it is the last part of the key, so that the value need
 * not be copied; for a state and for metadata it follows the value.
 */
import { crc32c, crc32cOfText } from '../../util/crc32c.ts'

const SEGMENT_KEY_BYTES = 8
const RECORD_KEY_BYTES = 12
const CRC_BYTES = 4
const KEY_NUMBER_MAX = 0xffffffff

/** Both ends are inclusive. */
export interface KeyRange {
  readonly start: Buffer
  readonly end: Buffer
  readonly limit?: number
}

export function asBuffer(b: Uint8Array): Buffer {
  return Buffer.isBuffer(b) ? b : Buffer.from(b.buffer, b.byteOffset, b.byteLength)
}

export function segmentKey(log: number, segment: number): Buffer {
  const key = Buffer.allocUnsafe(SEGMENT_KEY_BYTES)
  key.writeUInt32BE(log, 0)
  key.writeUInt32BE(segment, 4)
  return key
}

/** The key of format 1, and the prefix of a record's key since format 2. */
function recordPlace(log: number, segment: number, index: number, more = 0): Buffer {
  const key = Buffer.allocUnsafe(RECORD_KEY_BYTES + more)
  key.writeUInt32BE(log, 0)
  key.writeUInt32BE(segment, 4)
  key.writeUInt32BE(index, 8)
  return key
}

export function recordKey(log: number, segment: number, index: number, bytes: Uint8Array): Buffer {
  const key = recordPlace(log, segment, index, CRC_BYTES)
  key.writeUInt32BE(crc32c(bytes, 0, bytes.length, crc32c(key, 0, RECORD_KEY_BYTES)), RECORD_KEY_BYTES)
  return key
}

export function hasChecksum(recordKey: Uint8Array): boolean {
  return recordKey.length !== RECORD_KEY_BYTES
}

/** Whether the checksum matches. Records of format 1 have none and pass. */
export function recordIsWhole(key: Uint8Array, bytes: Uint8Array): boolean {
  if (key.length === RECORD_KEY_BYTES) return true
  if (key.length !== RECORD_KEY_BYTES + CRC_BYTES) return false
  const crc = asBuffer(key).readUInt32BE(RECORD_KEY_BYTES)
  return crc === crc32c(bytes, 0, bytes.length, crc32c(key, 0, RECORD_KEY_BYTES))
}

/** The value with its checksum. */
export function sealed(key: Uint8Array, value: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(value.length + CRC_BYTES)
  out.set(value)
  out.writeUInt32BE(crc32c(value, 0, value.length, crc32c(key)), value.length)
  return out
}

/** The value without its checksum; undefined if the checksum does not match. */
export function unsealed(key: Uint8Array | string, stored: Uint8Array): Buffer | undefined {
  const all = asBuffer(stored)
  const end = wholeLength(key, all)
  return end < 0 ? undefined : all.subarray(0, end)
}

/** Octets in front of the checksum; -1 if the checksum does not match. */
export function wholeLength(key: Uint8Array | string, all: Buffer): number {
  const end = all.length - CRC_BYTES
  const ofKey = typeof key === 'string' ? crc32cOfText(key) : crc32c(key)
  return end >= 0 && all.readUInt32BE(end) === crc32c(all, 0, end, ofKey) ? end : -1
}

/** LMDB's ranges exclude `end`; an extra octet includes it. */
function inclusive(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.alloc(CRC_BYTES + 1, 0xff)])
}

export function segmentRange(log: number): KeyRange {
  return { start: segmentKey(log, 0), end: inclusive(segmentKey(log, KEY_NUMBER_MAX)) }
}

export function recordRange(log: number, segment: number): KeyRange {
  return { start: recordPlace(log, segment, 0), end: inclusive(recordPlace(log, segment, KEY_NUMBER_MAX)) }
}

/** Range of a record, whatever its checksum. */
export function recordAt(log: number, segment: number, index: number): KeyRange {
  return { start: recordPlace(log, segment, index), end: inclusive(recordPlace(log, segment, index)) }
}

/** Range of all records of a log. */
export function logRange(log: number): KeyRange {
  return {
    start: recordPlace(log, 0, 0),
    end: inclusive(recordPlace(log, KEY_NUMBER_MAX, KEY_NUMBER_MAX)),
  }
}
