/**
 * The operations of a disk that a journal needs: the operating system's files or, in tests, a disk that loses power.
 */
import {
  close,
  constants,
  fdatasync,
  fstat,
  fsync,
  open,
  read,
  readdirSync,
  unlink,
  write,
  writeSync,
  writev,
  writevSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freeOn } from '../../util/disk.ts'

export interface JournalFile {
  readonly name: string
  /** Resolves when all of it is on disk. */
  write(parts: readonly Uint8Array[], at: number): Promise<void>
  /** Like `write`, but blocks the event loop. False if not all was written, or blocking writes are not possible. */
  writeNow?(parts: readonly Uint8Array[], at: number): boolean
  /** Extends the file to that length with zeros, which are on disk when it resolves. */
  allocate(bytes: number): Promise<void>
  read(): Promise<Buffer>
  close(): Promise<void>
}

export interface JournalDisk {
  /** Names of the journal's files. */
  list(): string[]
  /** Creates the file if it does not exist; its name is on disk when it resolves. */
  open(name: string): Promise<JournalFile>
  remove(name: string): Promise<void>
  /**
   * Copies the first octets of a file into that folder, where its name must be new; they are on disk when it resolves.
   */
  copy(name: string, bytes: number, dir: string): Promise<void>
  /** Free octets on the disk. */
  freeBytes(): number
}

const SUFFIX = '.journal'
/** Zeros per write; few enough for records to be written in between. */
const ZERO_BYTES = 256 * 1024

const opened = promisify(open)
const closed = promisify(close)
const written = promisify(write)
const synced = promisify(fdatasync)
const folderSynced = promisify(fsync)
const stated = promisify(fstat)
const removed = promisify(unlink)
const reading = promisify(read)

export function folderDisk(dir: string): JournalDisk {
  return {
    list: () => readdirSync(dir).filter((name) => name.endsWith(SUFFIX)),
    open: (name) => openFile(dir, name),
    remove: (name) => removed(join(dir, name)),
    copy: (name, bytes, target) => copyFile(join(dir, name), bytes, join(target, name)),
    freeBytes: () => freeOn(dir),
  }
}

export function journalName(number: number): string {
  return String(number).padStart(8, '0') + SUFFIX
}

/** One trip to the disk per write, if the system supports it; otherwise two. */
const DATA_SYNC = process.platform === 'win32' ? 0 : (constants.O_DSYNC ?? 0)

async function openFile(dir: string, name: string): Promise<JournalFile> {
  const fd = await opened(join(dir, name), constants.O_RDWR | constants.O_CREAT | DATA_SYNC, 0o600)
  await syncFolder(dir)
  return {
    name,
    write: (parts, at) => writeAll(fd, parts, at),
    writeNow: (parts, at) => DATA_SYNC !== 0 && writeNow(fd, parts, at),
    allocate: (bytes) => allocate(join(dir, name), bytes),
    read: () => readAll(fd),
    close: () => closed(fd),
  }
}

async function copyFile(from: string, bytes: number, to: string): Promise<void> {
  const source = await opened(from, constants.O_RDONLY)
  try {
    const target = await opened(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      const piece = Buffer.allocUnsafe(Math.min(bytes, ZERO_BYTES))
      for (let at = 0; at < bytes; ) {
        const { bytesRead } = await reading(source, piece, 0, Math.min(piece.length, bytes - at), at)
        if (bytesRead === 0) break
        let done = 0
        while (done < bytesRead)
          done += (await written(target, piece, done, bytesRead - done, at + done)).bytesWritten
        at += bytesRead
      }
      await folderSynced(target)
    } finally {
      await closed(target)
    }
  } finally {
    await closed(source)
  }
}

async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return
  const fd = await opened(dir, constants.O_RDONLY)
  await folderSynced(fd).finally(() => closed(fd))
}

function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((n, p) => n + p.length, 0)
}

function writeNow(fd: number, parts: readonly Uint8Array[], at: number): boolean {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return writeSync(fd, only, 0, only.length, at) === only.length
  return writevSync(fd, parts, at) === bytesOf(parts)
}

function writeAll(fd: number, parts: readonly Uint8Array[], at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    writev(fd, parts as Uint8Array[], at, (error, count) => {
      if (error !== null) {
        reject(error)
        return
      }
      const rest = DATA_SYNC === 0 || count < bytesOf(parts)
      if (rest) finish(fd, parts, at, count).then(resolve, reject)
      else resolve()
    })
  })
}

/** Writes what the first call has left over. */
async function finish(fd: number, parts: readonly Uint8Array[], start: number, count: number): Promise<void> {
  let skip = count
  let at = start + count
  for (const part of parts) {
    let from = Math.min(skip, part.length)
    skip -= from
    while (from < part.length) {
      const { bytesWritten } = await written(fd, part, from, part.length - from, at)
      from += bytesWritten
      at += bytesWritten
    }
  }
  if (DATA_SYNC === 0) await synced(fd)
}

/** Writes zeros through a descriptor of its own without O_DSYNC, so that it waits for the disk only once. */
async function allocate(path: string, bytes: number): Promise<void> {
  const fd = await opened(path, constants.O_RDWR)
  try {
    const zeros = Buffer.alloc(Math.min(bytes, ZERO_BYTES))
    for (let at = 0; at < bytes; at += zeros.length)
      await written(fd, zeros, 0, Math.min(zeros.length, bytes - at), at)
    await synced(fd)
  } finally {
    await closed(fd)
  }
}

async function readAll(fd: number): Promise<Buffer> {
  const { size } = await stated(fd)
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  while (at < size) {
    const { bytesRead } = await reading(fd, bytes, at, size - at, at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}
