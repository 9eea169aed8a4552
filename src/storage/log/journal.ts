/**
 * The commit log of a single machine: files that are filled with zeros once and then overwritten with records again and
 * again, so that a record changes only the contents of a file and costs one wait for the disk. A file whose records are
 * no longer needed is kept for reuse. The first file, and any file that could not be preallocated in time, grows with
 * its records instead.
 */
import { randomBytes } from 'node:crypto'
import { StorageError } from '../storage.ts'
import type { BriefWrites } from './brief-writes.ts'
import type { CommitLog, LogRecord } from './commit-log.ts'
import { type JournalDisk, type JournalFile, journalName } from './journal-disk.ts'
import { frameBytes, makeFrame } from './journal-frame.ts'
import { type FoundRecord, findRecords, recordAt } from './journal-recovery.ts'

const MIB = 1024 * 1024
/** Minimum size of a preallocated file. */
const FILE_BYTES_MIN = MIB
/** Octets in the growing file from which on it is worth preallocating another one. */
const BUSY_BYTES = 64 * 1024
/** Size of the first preallocated file; the next ones are larger if files fill quickly. */
const FILE_BYTES_FIRST = 4 * MIB
const FILE_BYTES_MAX = 64 * MIB
/** A file that fills within this many ms is too small. */
const FAST_MS = 2000
/** Maximum share of the free space on the disk that a preallocated file takes. */
const FREE_SHARE = 1 / 16
const SPARES_MAX = 2
/** Octets of reused memory in which frames that fit are assembled. */
const MEMORY_BYTES = 8 * 1024

interface LogFile {
  readonly file: JournalFile
  /** Octets that records may take without the file growing. */
  bytes: number
  /** Position of its last record. */
  last: number
  readonly grows: boolean
}

export class Journal implements CommitLog {
  first: number
  last: number
  private readonly disk: JournalDisk
  private readonly now: () => number
  private readonly brief: BriefWrites | undefined
  /** Reused for small records, one at a time. */
  private readonly memory = Buffer.allocUnsafeSlow(MEMORY_BYTES)
  private readonly salt = randomBytes(4).readUInt32LE(0)
  /** Files with records that are needed, the oldest first; the last one is written to. */
  private files: LogFile[] = []
  private spares: LogFile[] = []
  private found: FoundRecord[]
  /** Offset of the next record in the last file. */
  private at = 0
  private nextName: number
  private fileBytes = FILE_BYTES_FIRST
  private filledAt = 0
  private making: Promise<void> | undefined
  private failed: StorageError | undefined
  private closed = false
  private holders = 0
  /** The highest position passed to `trim`. */
  private wanted = 0

  private constructor(
    disk: JournalDisk,
    now: () => number,
    files: LogFile[],
    from: number,
    nextName: number,
    brief: BriefWrites | undefined,
  ) {
    this.brief = brief
    this.disk = disk
    this.now = now
    this.files = files
    this.found = []
    this.first = from
    this.last = from - 1
    this.nextName = nextName
  }

  /**
   * @param from position of the first record that is needed, or of the next one if there is none
   * @param now ms of any clock
   * @param brief undefined = all writes are left to threads
   * @throws StorageError DAMAGED
   */
  static async open(
    disk: JournalDisk,
    from: number,
    now: () => number,
    brief?: BriefWrites,
  ): Promise<Journal> {
    const names = disk.list().sort()
    const files: JournalFile[] = []
    try {
      for (const name of names) files.push(await disk.open(name))
      const { records, highest } = await findRecords(files, from)
      const all = files.map((file) => ({ file, bytes: 0, last: highest, grows: true }))
      const nextName = names.reduce((n, name) => Math.max(n, Number.parseInt(name, 10) + 1), 1)
      const journal = new Journal(disk, now, all, from, nextName, brief)
      journal.found = records
      journal.last = from + records.length - 1
      return journal
    } catch (error) {
      for (const f of files) await f.close()
      throw error
    }
  }

  get bytes(): number {
    return [...this.files, ...this.spares].reduce((n, f) => n + f.bytes, 0)
  }

  /** Yields records that existed when the journal was opened. */
  async *read(from: number): AsyncIterable<LogRecord> {
    let loaded: { file: JournalFile; bytes: Buffer } | undefined
    for (const r of this.found) {
      if (r.position < from) continue
      if (loaded?.file !== r.file) loaded = { file: r.file, bytes: await r.file.read() }
      const bytes = recordAt(loaded.bytes, r)
      if (bytes === undefined)
        throw new StorageError('DAMAGED', `record ${r.position} of ${r.file.name} has changed`)
      yield { position: r.position, bytes }
    }
  }

  async append(bytes: Uint8Array): Promise<number> {
    if (this.failed !== undefined) throw this.failed
    const position = this.last + 1
    const size = frameBytes(bytes.length)
    const target = this.fitting(size) ?? (await this.rotate(size))
    try {
      const frame = makeFrame({ salt: this.salt, position, length: bytes.length }, bytes, this.memory)
      await this.write(target.file, frame, size)
      this.at += size
      target.bytes = Math.max(target.bytes, this.at)
      target.last = position
      this.last = position
      if (this.at > (target.grows ? BUSY_BYTES : target.bytes / 2)) this.makeSpare()
    } catch (error) {
      throw this.failure(error)
    }
    return position
  }

  /** Writes a frame: on the event loop itself if that is faster and delays hardly any client. */
  private async write(file: JournalFile, frame: readonly Uint8Array[], size: number): Promise<void> {
    if (this.brief?.allowed(size) === true) {
      // Lets output that is due in this turn go out first.
      await undefined
      const began = this.now()
      const done = file.writeNow?.(frame, this.at)
      this.brief.took(this.now() - began)
      if (done === true) return
    }
    const began = this.now()
    await file.write(frame, this.at)
    this.brief?.threadTook(size, this.now() - began)
  }

  /**
   * Makes the error of a failed write. The contents of the disk are unknown then, so nothing more is written, unless
   * the disk was full.
   */
  private failure(error: unknown): StorageError {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT')
      return new StorageError('FULL', 'cannot write to the journal: the disk is full', error)
    this.failed = new StorageError('IO', `cannot write to the journal, restart the broker: ${message}`, error)
    return this.failed
  }

  /** The current file, if it has room; files of an earlier run are no longer written to. */
  private fitting(size: number): LogFile | undefined {
    const file = this.files.at(-1)
    if (file === undefined || file.bytes === 0) return undefined
    const end = this.at + size
    if (!file.grows) return end <= file.bytes ? file : undefined
    return end <= this.fileBytes && this.spares.length === 0 ? file : undefined
  }

  private async rotate(size: number): Promise<LogFile> {
    this.noteFilling()
    const spare = this.spares.findIndex((s) => s.bytes >= size)
    const next =
      spare >= 0
        ? (this.spares.splice(spare, 1)[0] as LogFile)
        : { file: await this.openNext(), bytes: 0, last: 0, grows: true }
    this.files.push(next)
    this.at = 0
    this.retire()
    return next
  }

  /** Opens another file. If this fails, nothing has been written: the record may be appended again. */
  private async openNext(): Promise<JournalFile> {
    try {
      return await this.disk.open(journalName(this.nextName++))
    } catch (error) {
      const text = `cannot open a file of the journal: ${(error as Error).message}`
      throw new StorageError('FULL', text, error)
    }
  }

  /** Files that fill fast are followed by larger ones. */
  private noteFilling(): void {
    if (this.files.at(-1)?.grows !== false) return
    const now = this.now()
    if (now - this.filledAt < FAST_MS) this.fileBytes = Math.min(FILE_BYTES_MAX, this.fileBytes * 4)
    this.filledAt = now
  }

  /** Preallocates the next file while records are being written. */
  private makeSpare(): void {
    if (this.making !== undefined || this.spares.length > 0 || this.closed) return
    const bytes = Math.min(this.fileBytes, 2 ** Math.floor(Math.log2(this.disk.freeBytes() * FREE_SHARE)))
    if (!(bytes >= FILE_BYTES_MIN)) return
    const name = journalName(this.nextName++)
    this.making = this.make(name, bytes).finally(() => {
      this.making = undefined
    })
  }

  /** A failure to preallocate is harmless: files grow instead. */
  private async make(name: string, bytes: number): Promise<void> {
    let file: JournalFile | undefined
    try {
      file = await this.disk.open(name)
      await file.allocate(bytes)
      this.spares.push({ file, bytes, last: 0, grows: false })
    } catch {
      await file?.close().catch(() => {})
      await this.disk.remove(name).catch(() => {})
    }
  }

  hold(): () => void {
    this.holders++
    return () => {
      if (--this.holders === 0) this.trim(this.wanted)
    }
  }

  /** Copies the last file up to its last complete record: a torn one would later count as damage in the middle. */
  async copyTo(dir: string): Promise<void> {
    const current = this.files.at(-1)
    const files = this.files.map((f) => ({ name: f.file.name, bytes: f === current ? this.at : f.bytes }))
    for (const { name, bytes } of files) if (bytes > 0) await this.disk.copy(name, bytes, dir)
  }

  trim(below: number): void {
    this.wanted = Math.max(this.wanted, below)
    if (this.holders > 0 || below <= this.first) return
    this.first = Math.min(below, this.last + 1)
    this.found = this.found.filter((r) => r.position >= this.first)
    this.retire()
  }

  /** Keeps the largest files without needed records for reuse; removes the others. */
  private retire(): void {
    const current = this.files.at(-1)
    const done = this.files.filter((f) => f.last < this.first && f !== current)
    if (done.length === 0) return
    this.files = this.files.filter((f) => !done.includes(f))
    for (const f of done) {
      if (f.bytes >= FILE_BYTES_MIN) this.spares.push({ ...f, grows: false })
      else this.drop(f)
    }
    this.spares.sort((a, b) => b.bytes - a.bytes)
    for (const f of this.spares.splice(SPARES_MAX)) this.drop(f)
  }

  private drop(f: LogFile): void {
    f.file
      .close()
      .then(() => this.disk.remove(f.file.name))
      .catch(() => {})
  }

  /** Closes the journal and leaves its files as they are. */
  async leave(): Promise<void> {
    for (const { file } of this.files) await file.close()
  }

  /** Closes the journal, and removes its files if no record is needed. */
  async close(): Promise<void> {
    this.closed = true
    await this.making
    const empty = this.first > this.last && this.failed === undefined
    for (const { file } of [...this.files, ...this.spares]) {
      await file.close()
      if (empty) await this.disk.remove(file.name)
    }
    this.files = []
    this.spares = []
  }
}
