/**
 * The store on disk. Three databases: `meta` (text key, value), `segments` (log, segment: state) and `records` (log,
 * segment, index: packed entries). Numbers in keys are big-endian, so that the order of keys is their order.
 */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { type Database, open, type RootDatabase } from 'lmdb'
import { type Storage, StorageError, type StorageErrorCode, type StorageWrite } from '../storage.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'

/** Raised when the layout changes so that an older broker could not read it. */
export const FORMAT_VERSION = 1
const FORMAT_KEY = 'format'
const SEGMENT_KEY_BYTES = 8
const RECORD_KEY_BYTES = 12
const KEY_NUMBER_MAX = 0xffffffff

type Bytes = Database<Buffer, Buffer>

export interface LmdbOptions {
  /** Octets that the folder may grow to; absent = as the disk allows. */
  readonly mapSize?: number | undefined
}

export class LmdbStorage implements Storage {
  readonly keeps = true
  private readonly root: RootDatabase
  private readonly meta: Database<Buffer, string>
  private readonly segmentStates: Bytes
  private readonly recordBytes: Bytes
  private readonly lock: FolderLock

  private constructor(root: RootDatabase, lock: FolderLock) {
    this.root = root
    this.lock = lock
    this.meta = root.openDB({ name: 'meta', encoding: 'binary' })
    this.segmentStates = root.openDB({ name: 'segments', encoding: 'binary', keyEncoding: 'binary' })
    this.recordBytes = root.openDB({ name: 'records', encoding: 'binary', keyEncoding: 'binary' })
  }

  /** @throws StorageError where the folder cannot be used; nothing in it is changed then */
  static async open(dir: string, options: LmdbOptions = {}): Promise<LmdbStorage> {
    makeFolder(dir)
    const lock = await lockFolder(dir)
    let root: RootDatabase | undefined
    try {
      root = open({
        path: dir,
        maxDbs: 8,
        ...(options.mapSize === undefined ? {} : { mapSize: options.mapSize, remapChunks: false }),
      })
      const storage = new LmdbStorage(root, lock)
      await storage.checkFormat(dir)
      return storage
    } catch (error) {
      await root?.close()
      await lock.release()
      throw error instanceof StorageError
        ? error
        : toStorageError(error, `cannot open the data folder ${dir}`)
    }
  }

  private async checkFormat(dir: string): Promise<void> {
    const found = this.meta.get(FORMAT_KEY)
    if (found === undefined) {
      await this.meta.put(
        FORMAT_KEY,
        Buffer.from(JSON.stringify({ version: FORMAT_VERSION, endian: 'little' })),
      )
      await this.root.flushed
      return
    }
    const { version } = JSON.parse(found.toString()) as { version: number }
    if (version <= FORMAT_VERSION) return
    throw new StorageError(
      'VERSION',
      `the data folder ${dir} has format ${version}, written by a newer release; this one reads up to ${FORMAT_VERSION}`,
    )
  }

  async write(batch: readonly StorageWrite[]): Promise<void> {
    try {
      await this.root.transaction(() => {
        for (const w of batch) this.apply(w)
      })
      await this.root.flushed
    } catch (error) {
      throw toStorageError(error, 'cannot write to the data folder')
    }
  }

  /** Inside of a transaction the writes take effect at once. */
  private apply(w: StorageWrite): void {
    switch (w.op) {
      case 'put':
        this.meta.put(w.key, asBuffer(w.value))
        break
      case 'delete':
        this.meta.remove(w.key)
        break
      case 'record':
        this.recordBytes.put(recordKey(w.log, w.segment, w.index), asBuffer(w.bytes))
        break
      case 'segment':
        this.segmentStates.put(segmentKey(w.log, w.segment), asBuffer(w.state))
        break
      case 'drop-segment':
        this.segmentStates.remove(segmentKey(w.log, w.segment))
        this.removeRecords(recordKey(w.log, w.segment, 0), recordKey(w.log, w.segment, KEY_NUMBER_MAX))
        break
      case 'drop-log':
        this.removeSegments(w.log)
        this.removeRecords(recordKey(w.log, 0, 0), recordKey(w.log, KEY_NUMBER_MAX, KEY_NUMBER_MAX))
        break
      default: {
        const never: never = w
        throw new TypeError(`unknown write ${JSON.stringify(never)}`)
      }
    }
  }

  private removeRecords(start: Buffer, end: Buffer): void {
    for (const key of [...this.recordBytes.getKeys({ start, end })]) this.recordBytes.remove(key)
  }

  private removeSegments(log: number): void {
    const range = { start: segmentKey(log, 0), end: segmentKey(log, KEY_NUMBER_MAX) }
    for (const key of [...this.segmentStates.getKeys(range)]) this.segmentStates.remove(key)
  }

  *scan(prefix: string): Iterable<{ key: string; value: Uint8Array }> {
    for (const { key, value } of this.meta.getRange({ start: prefix })) {
      if (!key.startsWith(prefix)) return
      yield { key, value }
    }
  }

  *segments(log: number): Iterable<{ segment: number; state: Uint8Array }> {
    const range = { start: segmentKey(log, 0), end: segmentKey(log, KEY_NUMBER_MAX) }
    for (const { key, value } of this.segmentStates.getRange(range))
      yield { segment: key.readUInt32BE(4), state: value }
  }

  *records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }> {
    const range = { start: recordKey(log, segment, 0), end: recordKey(log, segment, KEY_NUMBER_MAX) }
    for (const { key, value } of this.recordBytes.getRange(range))
      yield { index: key.readUInt32BE(8), bytes: value }
  }

  async close(): Promise<void> {
    await this.root.close()
    await this.lock.release()
  }
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true })
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new StorageError('UNREADABLE', `cannot read and write the data folder ${dir} (${code})`, cause)
  }
}

function toStorageError(cause: unknown, what: string): StorageError {
  const text = cause instanceof Error ? cause.message : String(cause)
  const full = /No space left|MDB_MAP_FULL|ENOSPC|mapsize limit/i.test(text)
  const code: StorageErrorCode = full ? 'FULL' : 'IO'
  return new StorageError(code, full ? `${what}: the disk is full` : `${what}: ${text}`, cause)
}

function asBuffer(b: Uint8Array): Buffer {
  return Buffer.isBuffer(b) ? b : Buffer.from(b.buffer, b.byteOffset, b.byteLength)
}

function segmentKey(log: number, segment: number): Buffer {
  const key = Buffer.allocUnsafe(SEGMENT_KEY_BYTES)
  key.writeUInt32BE(log, 0)
  key.writeUInt32BE(segment, 4)
  return key
}

function recordKey(log: number, segment: number, index: number): Buffer {
  const key = Buffer.allocUnsafe(RECORD_KEY_BYTES)
  key.writeUInt32BE(log, 0)
  key.writeUInt32BE(segment, 4)
  key.writeUInt32BE(index, 8)
  return key
}
