/**
 * The store on disk. Three databases: `meta` (text key, value), `segments` (log, segment: state) and `records` (log,
 * segment, index: packed entries), all with checksums (keys.ts); and `damaged`, what failed its check.
 */
import { type Database, open, type RootDatabase } from 'lmdb'
import { areFree } from '../../util/descriptors.ts'
import { freeOn } from '../../util/disk.ts'
import type { StoredText } from '../../util/stored-texts.ts'
import { nextTurn } from '../../util/timers.ts'
import { PendingWrites } from '../log/pending-writes.ts'
import { type Damage, type Storage, StorageError, type StorageWrite } from '../storage.ts'
import { batchBytes } from './batch-bytes.ts'
import { closeStore, optionsFor, takeBackUnsynced } from './commits.ts'
import { contentsOf } from './contents.ts'
import { DamageList } from './damage.ts'
import { dataFile, hasStore, makeFolder, markFolder, syncCopy, tryDisk } from './folder.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { hasOthersFiles, keepToOwner } from './folder-rights.ts'
import { FreeSpace } from './free-space.ts'
import {
  asBuffer,
  hasChecksum,
  logRange,
  recordAt,
  recordIsWhole,
  recordKey,
  recordRange,
  sealed,
  segmentKey,
  segmentRange,
  unsealed,
} from './keys.ts'
import { COMMIT_READ_BYTES, MappedPages, SWEEP_READ_BYTES, WRITE_READ_BYTES } from './mapped.ts'
import { highestLog, logsFrom, logsIn, removeKeys, watch } from './parts.ts'
import { Readers } from './readers.ts'
import { sealAll } from './seal-all.ts'
import { pagesOf, statsOf } from './tree-stats.ts'
import { checkNames, toStorageError, unreadable } from './unreadable.ts'
import { asText, copied, viewing, wholeValues } from './viewed.ts'

/** Increased when the layout changes in a way that older brokers cannot read. */
export const FORMAT_VERSION = 3
const FORMAT_KEY = 'format'

type Bytes = Database<Buffer, Buffer>

/**
 * Octets kept free on the disk beyond the needs of a batch: LMDB's native code does not survive a refused write, so
 * none is attempted without space.
 */
const DISK_RESERVE_BYTES = 8 * 1024 * 1024
/** Header pages at the start of the file. */
const META_PAGES = 2

/** Keys with this prefix mark dropped logs until they are fully removed. */
const GONE_PREFIX = 'gone:'
/** Maximum number of records of dropped logs that one write removes, and of dropped logs that it looks at. */
const [SWEEP_RECORDS, SWEEP_LOGS] = [256, 500]
/** File descriptors that mapping takes, with some to spare: if fewer are free, the file is not remapped. */
const MAP_DESCRIPTORS = 8

const DATABASES = ['meta', 'segments', 'records', 'damaged'] as const

export interface LmdbOptions {
  /** Called with what was repaired while opening. */
  readonly notice?: ((text: string) => void) | undefined
  /** Free space for the folder; for tests. Default: that of the file system. */
  readonly freeBytes?: (() => number) | undefined
}

export class LmdbStorage implements Storage {
  readonly keeps = true
  private root!: RootDatabase
  private meta!: Database<Buffer, string>
  private segmentStates!: Bytes
  private recordBytes!: Bytes
  private setAside!: Database<Buffer, string>
  private readonly damage = new DamageList()
  private readonly dir: string
  private readonly lock: FolderLock
  private readonly free: FreeSpace
  /** Set when the native code has failed; nothing more is written until the next start. */
  private broken: StorageError | undefined
  /** Dropped logs whose records are still being removed, a few with each write. */
  private readonly gone = new Set<number>()
  private readonly mapped = new MappedPages()
  private maintenance: Promise<void> | undefined
  private readonly readers = new Readers()

  private constructor(dir: string, lock: FolderLock, freeBytes: () => number) {
    this.dir = dir
    this.lock = lock
    this.free = new FreeSpace(freeBytes)
  }

  private map(): void {
    this.root = open(optionsFor(this.dir))
    checkNames(this.root.getKeys(), DATABASES, dataFile(this.dir))
    const [meta, segments, records, damaged] = DATABASES
    this.meta = this.root.openDB(viewing(meta))
    this.segmentStates = this.root.openDB({ name: segments, encoding: 'binary', keyEncoding: 'binary' })
    this.recordBytes = this.root.openDB({ name: records, encoding: 'binary', keyEncoding: 'binary' })
    this.setAside = this.root.openDB({ name: damaged, encoding: 'binary' })
    this.mapped.restart()
  }

  get damaged(): number {
    return this.damage.count
  }

  onDamage(listener: (damage: Damage) => void): void {
    this.damage.onDamage(listener)
  }

  /** Reads everything, to find damaged values. */
  checkAll(): { values: number; segments: number; records: number; unchecked: number } {
    const counts = { values: 0, segments: 0, records: 0, unchecked: 0 }
    for (const _ of this.scan('')) counts.values++
    for (const log of this.logs()) for (const _ of this.segments(log)) counts.segments++
    for (const key of this.recordBytes.getKeys({})) {
      const own = Buffer.from(key)
      if (this.wholeRecord(own, own.readUInt32BE(8)) !== undefined) counts.records++
      if (!hasChecksum(own)) counts.unchecked++
    }
    return counts
  }

  /** Values kept aside, in this run and earlier ones. */
  setAsideKeys(): string[] {
    return [...this.setAside.getKeys({})]
  }

  /** A consistent copy without free pages, made by LMDB in its own threads. */
  async copyTo(dir: string): Promise<void> {
    await this.maintenance
    await this.readers.copy(syncCopy(dir, this.root.backup(dir, true)))
  }

  get maintenanceDue(): boolean {
    return this.broken === undefined && (this.gone.size > 0 || this.mapped.areMany)
  }

  /** Remaps the file, or removes some records of dropped logs. */
  maintain(): Promise<void> {
    this.maintenance = (this.mapped.areMany ? this.mapAnew() : this.write([])).finally(() => {
      this.maintenance = undefined
    })
    return this.maintenance
  }

  /**
   * Remaps the file. Every page that was read stays mapped and counts as memory of the process, up to the size of the
   * file; remapping releases the pages. Closing only awaits resolved promises, so no event is handled while the store
   * is closed; and since this runs in an event of its own, no other code that awaits resolved promises runs meanwhile
   * either.
   */
  private async mapAnew(): Promise<void> {
    await nextTurn()
    if (!areFree(MAP_DESCRIPTORS) || this.readers.any) {
      this.mapped.restart()
      return
    }
    await this.closeWhole().then(() => this.map())
  }

  private closeWhole(): Promise<void> {
    const { root, meta, segmentStates, recordBytes, setAside } = this
    return closeStore(root, [root, meta, segmentStates, recordBytes, setAside])
  }

  /** @throws StorageError if the folder cannot be used; then nothing in it is changed */
  static async open(dir: string, options: LmdbOptions = {}): Promise<LmdbStorage> {
    makeFolder(dir)
    const lock = await lockFolder(dir)
    let storage: LmdbStorage | undefined
    const notice = options.notice ?? (() => {})
    try {
      storage = new LmdbStorage(dir, lock, options.freeBytes ?? (() => freeOn(dir)))
      const isNew = !hasStore(dir, notice)
      const foreign = hasOthersFiles(dir)
      await tryDisk(dir)
      if (!isNew) await takeBackUnsynced(dir)
      storage.map()
      await storage.checkFormat(dir, isNew, options.notice)
      // Only after the folder is known to have a store of Leveret. Nothing is reported for a new store.
      keepToOwner(dir, foreign, isNew ? () => {} : notice)
      for (const { key } of storage.scan(GONE_PREFIX)) storage.gone.add(Number(key.slice(GONE_PREFIX.length)))
      return storage
    } catch (error) {
      await storage?.root?.close()
      await lock.release()
      throw error instanceof StorageError
        ? error
        : toStorageError(error, `cannot open the data folder ${dir}`)
    }
  }

  /**
   * Checks the format version and converts older formats. The version has no checksum, so that every release can read
   * it.
   */
  private async checkFormat(dir: string, isNew: boolean, notice?: LmdbOptions['notice']): Promise<void> {
    const found = this.meta.get(FORMAT_KEY)
    if (found === undefined && !isNew)
      throw unreadable(dataFile(this.dir), `its record '${FORMAT_KEY}' is missing`)
    const { version } =
      found === undefined ? { version: 0 } : (JSON.parse(found.toString()) as { version: number })
    if (found !== undefined && isNew) markFolder(dir)
    if (version === FORMAT_VERSION) return
    if (version > FORMAT_VERSION)
      throw new StorageError(
        'VERSION',
        `the data folder ${dir} has format ${version}, written by a newer release; this one reads up to ${FORMAT_VERSION}`,
      )
    if (version > 0) notice?.(`format ${version} of the folder is taken over to ${FORMAT_VERSION} now`)
    await this.root.batch(() => {
      if (version === 1) sealAll(this.meta, this.segmentStates, FORMAT_KEY)
      const value = JSON.stringify({ version: FORMAT_VERSION, endian: 'little' })
      watch(this.meta.put(FORMAT_KEY, Buffer.from(value)))
    })
    if (isNew) markFolder(dir)
  }

  /** @throws StorageError FULL unless there is space for the batch and that many more octets */
  ensureRoom(batch: readonly StorageWrite[], moreBytes = 0): void {
    if (this.broken !== undefined) throw this.broken
    const bytes = batchBytes(batch)
    if (!this.free.has(bytes, moreBytes + DISK_RESERVE_BYTES))
      throw new StorageError('FULL', 'cannot write to the data folder: the disk is full')
  }

  async write(batch: readonly StorageWrite[]): Promise<void> {
    this.ensureRoom(batch)
    const merged = new PendingWrites()
    merged.add(batch)
    const writes = [...merged.writes()]
    try {
      await this.root.batch(() => {
        for (const w of writes) this.apply(w)
        this.sweep()
        for (const { key, value } of this.damage.take()) watch(this.setAside.put(key, value))
      })
      this.mapped.read(COMMIT_READ_BYTES + writes.length * WRITE_READ_BYTES)
    } catch (error) {
      this.broken = toStorageError(error, 'cannot write to the data folder, restart the broker')
      throw this.broken
    }
  }

  private apply(w: StorageWrite): void {
    switch (w.op) {
      case 'put': {
        const value = w.key === FORMAT_KEY ? asBuffer(w.value) : sealed(Buffer.from(w.key), w.value)
        watch(this.meta.put(w.key, value))
        break
      }
      case 'delete':
        watch(this.meta.remove(w.key))
        break
      case 'record':
        watch(this.recordBytes.put(recordKey(w.log, w.segment, w.index, w.bytes), asBuffer(w.bytes)))
        break
      case 'segment': {
        const key = segmentKey(w.log, w.segment)
        watch(this.segmentStates.put(key, sealed(key, w.state)))
        break
      }
      case 'drop-record':
        removeKeys(this.recordBytes, recordAt(w.log, w.segment, w.index))
        break
      case 'clear-segment':
        removeKeys(this.recordBytes, recordRange(w.log, w.segment))
        break
      case 'drop-segment':
        watch(this.segmentStates.remove(segmentKey(w.log, w.segment)))
        removeKeys(this.recordBytes, recordRange(w.log, w.segment))
        break
      case 'drop-log':
        this.dropLog(w.log)
        break
      case 'drop-logs':
        for (const log of logsFrom([this.segmentStates, this.recordBytes], w.from)) this.dropLog(log)
        break
      default: {
        const never: never = w
        throw new TypeError(`unknown write ${JSON.stringify(never)}`)
      }
    }
  }

  /** Free octets within the file: removed data leaves free pages that are reused; the file itself never shrinks. */
  reusableBytes(): number {
    const { pageSize, lastPageNumber, free } = statsOf(this.root)
    let used = META_PAGES + pagesOf(free)
    for (const db of [this.root, this.meta, this.segmentStates, this.recordBytes, this.setAside])
      used += pagesOf(statsOf(db))
    return Math.max(0, lastPageNumber + 1 - used) * pageSize
  }

  /** Only marks the log: it can be long, and a batch must not wait for its removal. */
  private dropLog(log: number): void {
    this.gone.add(log)
    const key = GONE_PREFIX + log
    watch(this.meta.put(key, sealed(Buffer.from(key), Buffer.alloc(0))))
  }

  /** Removes some records of dropped logs, and a log's mark with its last records. */
  private sweep(): void {
    let left = SWEEP_LOGS
    for (const log of this.gone) {
      if (left-- === 0) return
      const count = removeKeys(this.recordBytes, { ...logRange(log), limit: SWEEP_RECORDS })
      this.mapped.read(count * SWEEP_READ_BYTES)
      if (count === SWEEP_RECORDS) return
      removeKeys(this.segmentStates, segmentRange(log))
      watch(this.meta.remove(GONE_PREFIX + log))
      this.gone.delete(log)
    }
  }

  scan(prefix: string): Iterable<{ key: string; value: Uint8Array }> {
    return wholeValues(this.meta, prefix, FORMAT_KEY, this.damage, copied)
  }

  scanTexts(prefix: string): Iterable<StoredText> {
    return wholeValues(this.meta, prefix, FORMAT_KEY, this.damage, asText)
  }

  logs(): Iterable<number> {
    return logsIn(this.segmentStates, 0)
  }

  highestLog(): number {
    return highestLog([this.segmentStates, this.recordBytes], this.gone)
  }

  *segments(log: number): Iterable<{ segment: number; state: Uint8Array | undefined }> {
    if (this.gone.has(log)) return
    for (const { key, value } of this.segmentStates.getRange(segmentRange(log))) {
      const segment = key.readUInt32BE(4)
      const state = unsealed(key, value)
      if (state === undefined) this.damage.found({ kind: 'state', log, segment }, value)
      yield { segment, state }
    }
  }

  *records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }> {
    if (this.gone.has(log)) return
    for (const key of this.recordBytes.getKeys(recordRange(log, segment))) {
      const index = key.readUInt32BE(8)
      const bytes = this.wholeRecord(key, index)
      if (bytes !== undefined) yield { index, bytes }
    }
  }

  /** A record if its checksum matches, as a view of memory that is reused for the next record; callers copy it. */
  private wholeRecord(key: Buffer, index: number): Uint8Array | undefined {
    const shared = this.recordBytes.getBinaryFast(key) as Buffer | undefined
    if (shared === undefined) return undefined
    // The Buffer's `length` is that of the value; as a typed array it is as long as the shared memory.
    const bytes = new Uint8Array(shared.buffer, shared.byteOffset, shared.length)
    this.mapped.read(bytes.length)
    if (recordIsWhole(key, bytes)) return bytes
    this.damage.found(
      { kind: 'record', log: key.readUInt32BE(0), segment: key.readUInt32BE(4), index },
      bytes,
    )
    return undefined
  }

  record(log: number, segment: number, index: number): Uint8Array | undefined {
    if (this.gone.has(log)) return undefined
    for (const key of this.recordBytes.getKeys(recordAt(log, segment, index)))
      return this.wholeRecord(key, index)?.slice()
    return undefined
  }

  /** The durable contents as writes. Must be read to the end, or `return` called. */
  contents(): IterableIterator<StorageWrite> {
    const transaction = this.root.useReadTransaction()
    const writes = contentsOf({
      meta: this.meta,
      segments: this.segmentStates,
      records: this.recordBytes,
      transaction,
      skips: (key) => key === FORMAT_KEY || key.startsWith(GONE_PREFIX),
      gone: new Set(this.gone),
    })
    return this.readers.snapshot(writes, () => transaction.done())
  }

  async close(): Promise<void> {
    await this.maintenance
    await this.readers.end()
    await (this.broken === undefined ? this.closeWhole() : this.root.close())
    await this.lock.release()
  }
}
