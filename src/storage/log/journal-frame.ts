/**
 * A record as it is stored in a journal file. It begins at a multiple of 512 octets, since a disk writes a sector of
 * that size completely or not at all, and no sector holds parts of two records:
 *
 *   mark u32, salt u32, position f64, length of the record u32, 0 u64, CRC-32C of these 28 octets u32;
 *   the record; the words that stamps have replaced in its sectors, u32 each; zeros up to the end of the sector.
 *
 * Every sector but the first begins with a stamp derived from the salt, the position and the number of the sector. It
 * distinguishes a record of which a power failure has left only some sectors, and which was never confirmed, from one
 * whose sectors were all written and damaged later. Also, no octets of a message can be taken for the beginning of a
 * record.
 */
import { crc32c } from '../../util/crc32c.ts'
import { isSealed } from './commit-log.ts'

export const SECTOR_BYTES = 512
const MARK = 0x314a764c
const HEAD_BYTES = 32
const HEAD_CRC_AT = 28
const WORD_BYTES = 4

export interface FrameHead {
  readonly salt: number
  readonly position: number
  /** Octets of the record. */
  readonly length: number
}

/** Number of sectors that begin within the record, not counting the first. */
function stampsIn(length: number): number {
  return Math.floor((HEAD_BYTES + length - 1) / SECTOR_BYTES)
}

/** Octets of the frame around a record of that length. */
export function frameBytes(length: number): number {
  let words = stampsIn(length)
  let at = HEAD_BYTES + length
  // A sector that begins among these words begins with a stamp, too.
  while (words > 0) {
    if (at % SECTOR_BYTES === 0) at += WORD_BYTES
    const step = Math.min(words, Math.ceil((SECTOR_BYTES - (at % SECTOR_BYTES)) / WORD_BYTES))
    words -= step
    at += step * WORD_BYTES
  }
  return Math.ceil(at / SECTOR_BYTES) * SECTOR_BYTES
}

function stamp({ salt, position }: FrameHead, sector: number): number {
  let x = salt ^ Math.imul(position >>> 0, 0x9e3779b1) ^ Math.imul(sector, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  x = (x ^ (x >>> 16)) >>> 0
  return x === MARK ? ~MARK >>> 0 : x
}

/**
 * The parts of a frame, to be written one after another. Stamps are put into the record itself or, if `memory` has room
 * for the whole frame, into a copy there, which is then the only part.
 *
 * @param bytes a multiple of four octets
 */
export function makeFrame(head: FrameHead, bytes: Uint8Array, memory?: Buffer): Uint8Array[] {
  const size = frameBytes(bytes.length)
  const start = HEAD_BYTES + bytes.length
  if (memory === undefined || memory.length < size) {
    const first = Buffer.alloc(HEAD_BYTES)
    const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const last = Buffer.alloc(size - start)
    fillFrame(head, first, record, last)
    return [first, record, last]
  }
  const whole = memory.subarray(0, size)
  whole.set(bytes, HEAD_BYTES)
  whole.fill(0, start)
  fillFrame(head, whole, whole.subarray(HEAD_BYTES, start), whole.subarray(start))
  return [whole]
}

/** @param last filled with zeros */
function fillFrame(head: FrameHead, first: Buffer, record: Buffer, last: Buffer): void {
  first.writeUInt32LE(MARK, 0)
  first.writeUInt32LE(head.salt, 4)
  first.writeDoubleLE(head.position, 8)
  first.writeUInt32LE(record.length, 16)
  first.writeUInt32LE(0, 20)
  first.writeUInt32LE(0, 24)
  first.writeUInt32LE(crc32c(first, 0, HEAD_CRC_AT), HEAD_CRC_AT)
  const start = HEAD_BYTES + record.length
  let at = 0
  const stamps = stampsIn(record.length)
  for (let sector = 1; sector <= stamps; sector++) {
    if ((start + at) % SECTOR_BYTES === 0)
      at = last.writeUInt32LE(stamp(head, (start + at) / SECTOR_BYTES), at)
    const place = sector * SECTOR_BYTES - HEAD_BYTES
    at = last.writeUInt32LE(record.readUInt32LE(place), at)
    record.writeUInt32LE(stamp(head, sector), place)
  }
}

/** Reads the head of a record; undefined if there is none. */
export function readHead(b: Buffer, at: number): FrameHead | undefined {
  if (b.readUInt32LE(at) !== MARK) return undefined
  return crc32c(b, at, at + HEAD_CRC_AT) === b.readUInt32LE(at + HEAD_CRC_AT) ? headAt(b, at) : undefined
}

function headAt(b: Buffer, at: number): FrameHead {
  return { salt: b.readUInt32LE(at + 4), position: b.readDoubleLE(at + 8), length: b.readUInt32LE(at + 16) }
}

/** Reads the head of a record in which one octet has changed; undefined for anything else. */
export function readDamagedHead(b: Buffer, at: number): FrameHead | undefined {
  const copy = Buffer.from(b.subarray(at, at + HEAD_BYTES))
  for (let i = 0; i < HEAD_BYTES; i++) {
    const was = copy[i] as number
    for (let octet = 0; octet < 256; octet++) {
      copy[i] = octet
      const head = octet === was ? undefined : readHead(copy, 0)
      if (head !== undefined) return head
    }
    copy[i] = was
  }
  return undefined
}

/** torn: some of its sectors were never written; damaged: all were written, and have changed since. */
export type FrameFault = 'torn' | 'damaged'

/** Reads the record of a frame whose head has been read, into octets of its own. */
export function readFrame(b: Buffer, at: number, head: FrameHead): Uint8Array | FrameFault {
  const size = frameBytes(head.length)
  if (at + size > b.length) return 'torn'
  const start = HEAD_BYTES + head.length
  const bytes = new Uint8Array(head.length)
  bytes.set(b.subarray(at + HEAD_BYTES, at + start))
  const view = new DataView(bytes.buffer)
  const stamps = stampsIn(head.length)
  let from = start
  for (let sector = 1; sector <= stamps; sector++) {
    if (from % SECTOR_BYTES === 0) from += WORD_BYTES
    view.setUint32(sector * SECTOR_BYTES - HEAD_BYTES, b.readUInt32LE(at + from), true)
    from += WORD_BYTES
  }
  if (isSealed(bytes)) return bytes
  for (let sector = 1; sector < size / SECTOR_BYTES; sector++)
    if (!isNearly(b.readUInt32LE(at + sector * SECTOR_BYTES), stamp(head, sector))) return 'torn'
  return 'damaged'
}

/** Whether two words differ in one octet at most: a word from before the sector was written differs in more. */
function isNearly(found: number, wanted: number): boolean {
  let differences = 0
  for (let x = found ^ wanted; x !== 0; x >>>= 8) if ((x & 255) !== 0) differences++
  return differences <= 1
}
