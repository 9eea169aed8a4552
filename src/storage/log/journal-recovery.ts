/**
 * Recovers the contents of a journal after its process has ended, in whatever way: the consecutive records from a
 * position on. After the last one there may be a record that a power failure has left torn; it was never confirmed and
 * is cut off. Anything else that differs from what was written is an error that names the file and the place.
 */
import { StorageError } from '../storage.ts'
import { SEAL_BYTES } from './commit-log.ts'
import type { JournalFile } from './journal-disk.ts'
import { frameBytes, readDamagedHead, readFrame, readHead, SECTOR_BYTES } from './journal-frame.ts'

export interface FoundRecord {
  readonly position: number
  readonly file: JournalFile
  readonly at: number
  readonly length: number
  /** The checksum in its last four octets. */
  readonly sum: number
}

export interface Found {
  readonly records: FoundRecord[]
  /** The highest position in any file, including records that are no longer needed; 0 if there is none. */
  readonly highest: number
}

interface Bad {
  readonly position: number
  readonly name: string
  readonly at: number
  readonly torn: boolean
}

interface Scan {
  readonly from: number
  readonly records: FoundRecord[]
  readonly bad: Bad[]
  highest: number
}

/** @param from the first position that is needed @throws StorageError DAMAGED */
export async function findRecords(files: readonly JournalFile[], from: number): Promise<Found> {
  const scan: Scan = { from, records: [], bad: [], highest: 0 }
  for (const file of files) scanFile(scan, file, await file.read())
  const { bad } = scan
  scan.records.sort((a, b) => a.position - b.position)
  const records = scan.records.filter((r, i) => !isRepeated(r, scan.records[i - 1]))
  records.forEach((r, i) => {
    if (r.position === from + i) return
    const broken = bad.find((b) => b.position === from + i)
    if (broken !== undefined) throw damaged(broken.name, broken.at, 'good records stand behind a damaged one')
    throw damaged(r.file.name, r.at, `record ${r.position} stands where ${from + i} should be`)
  })
  for (const b of bad) if (!b.torn) throw damaged(b.name, b.at, `record ${b.position} is damaged`)
  return { records, highest: scan.highest }
}

/**
 * Whether the record is the one before it, once more: a disk that was full may have written all of it, and the next
 * attempt has gone to another file.
 */
function isRepeated(r: FoundRecord, before: FoundRecord | undefined): boolean {
  return r.position === before?.position && r.length === before.length && r.sum === before.sum
}

function scanFile(scan: Scan, file: JournalFile, b: Buffer): void {
  let at = 0
  /** Where the next record of the file is expected. */
  let next = 0
  while (at + SECTOR_BYTES <= b.length) {
    let head = readHead(b, at)
    const damagedHead = head === undefined && at === next ? readDamagedHead(b, at) : undefined
    if (damagedHead !== undefined && damagedHead.position >= scan.from) {
      scan.bad.push({ position: damagedHead.position, name: file.name, at, torn: false })
      head = undefined
    }
    if (head === undefined) {
      at += SECTOR_BYTES
      continue
    }
    const size = frameBytes(head.length)
    if (head.position >= scan.from) {
      const record = readFrame(b, at, head)
      if (typeof record === 'string') {
        scan.bad.push({ position: head.position, name: file.name, at, torn: record === 'torn' })
        at += SECTOR_BYTES
        continue
      }
      const sum = Buffer.from(record.buffer).readUInt32LE(record.length - SEAL_BYTES)
      scan.records.push({ position: head.position, file, at, length: record.length, sum })
    }
    scan.highest = Math.max(scan.highest, head.position)
    at += size
    next = at
  }
}

function damaged(name: string, at: number, what: string): StorageError {
  return new StorageError(
    'DAMAGED',
    `the journal is damaged: ${what} (file ${name}, offset ${at}); nothing was changed`,
  )
}

/** Reads a record that was found; undefined if it has changed since. */
export function recordAt(b: Buffer, { at }: FoundRecord): Uint8Array | undefined {
  const head = readHead(b, at)
  const record = head === undefined ? undefined : readFrame(b, at, head)
  return typeof record === 'string' ? undefined : record
}
