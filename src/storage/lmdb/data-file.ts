/**
 * Checks the store's file before LMDB maps it. LMDB trusts what it reads: it takes an empty file for a new store, and a
 * missing page ends the process with a signal. So the header, the size and the pages of the trees are checked here with
 * plain reads; the values are not.
 *
 * The file as LMDB writes it (little-endian, 64-bit numbers): pages 0 and 1 are headers, written alternately; the
 * second half of page 0 has a third header, the last one known to be on disk if commits overlap (commits.ts). A header
 * has the number of pages and the roots of two trees: one of free pages, and one of everything else.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { endianness } from 'node:os'
import { checkTrees, Damage, type Meta, numberAt, PAGE_HEADER_BYTES, rootAt } from './tree-check.ts'
import { unreadable } from './unreadable.ts'

const META_BYTES = 144
const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const META_FLAG = 0x08
const PAGE_BYTES_MIN = 256
const PAGE_BYTES_MAX = 65_536
/** Flag of a header: commits overlap with syncing. */
const OVERLAPPING = 0x1000

/**
 * Checks the store's file, and repairs a damaged header page from the other one.
 *
 * @param notice called with what was repaired
 * @returns whether the file has a store: false if it is missing or empty
 * @throws StorageError UNREADABLE: with the problem and its location
 */
export function checkDataFile(file: string, notice: (text: string) => void): boolean {
  const fd = openFile(file)
  if (fd === undefined) return false
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new Damage('it is not a file')
    if (stat.size === 0) return false
    if (isReadable) checkContents(fd, stat.size, (text) => notice(`${file}: ${text}`))
    return true
  } catch (error) {
    if (!(error instanceof Damage)) throw unreadable(file, (error as Error).message, error)
    throw unreadable(file, error.message)
  } finally {
    closeSync(fd)
  }
}

/** Whether the newest commit of an undamaged file was made with overlapping commits (commits.ts). */
export function newestOverlaps(file: string): boolean {
  if (!isReadable) return true
  const fd = openSync(file, 'r')
  try {
    const read = readerOf(fd)
    const first = readMeta(read(PAGE_HEADER_BYTES + META_BYTES, 0), 0)
    if (first instanceof Damage) return true
    const second = secondOf(read, first.pageBytes)
    return second instanceof Damage || (first.commit >= second.commit ? first : second).overlapping
  } finally {
    closeSync(fd)
  }
}

/** Whether the file has the layout that is checked here; other machines have another. */
const isReadable =
  endianness() === 'LE' && ['x64', 'arm64', 'ppc64', 'riscv64', 'loong64'].includes(process.arch)

function openFile(file: string): number | undefined {
  try {
    return openSync(file, 'r+')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    const what =
      code === 'EISDIR' ? 'it is a folder' : `it cannot be opened for reading and writing (${code})`
    throw unreadable(file, what, cause)
  }
}

function checkContents(fd: number, size: number, notice: (text: string) => void): void {
  const read = readerOf(fd)
  const first = readMeta(read(PAGE_HEADER_BYTES + META_BYTES, 0), 0)
  const second = first instanceof Damage ? secondWithoutFirst(read) : secondOf(read, first.pageBytes)
  if (first instanceof Damage && second instanceof Damage) throw first
  const good = (first instanceof Damage ? second : first) as Meta
  if (size < 2 * good.pageBytes) throw new Damage(`it ends after ${size} octets, within its header`)
  const third = first instanceof Damage ? undefined : thirdOf(read, good.pageBytes)
  const used = choose(first instanceof Damage ? good : first, second instanceof Damage ? good : second, third)
  if (used !== undefined) checkTrees(fd, size, used)
  for (const [page, meta] of [first, second].entries())
    if (meta instanceof Damage) {
      mend(fd, page, good.pageBytes)
      notice(`${meta.message}; the other header page was sound and has taken its place`)
    }
}

type Read = (bytes: number, at: number) => Buffer

function readerOf(fd: number): Read {
  return (bytes, at) => {
    const b = Buffer.alloc(bytes)
    return b.subarray(0, readSync(fd, b, 0, bytes, at))
  }
}

function secondOf(read: Read, pageBytes: number): Meta | Damage {
  const meta = readMeta(read(PAGE_HEADER_BYTES + META_BYTES, pageBytes), 1)
  if (meta instanceof Damage || meta.pageBytes === pageBytes) return meta
  return new Damage(`page 1 says that pages have ${meta.pageBytes} octets, not ${pageBytes}`)
}

/** Finds page 1 without page 0, which has the page size: tries all sizes. */
function secondWithoutFirst(read: Read): Meta | Damage {
  for (let bytes = PAGE_BYTES_MIN; bytes <= PAGE_BYTES_MAX; bytes *= 2) {
    const meta = secondOf(read, bytes)
    if (!(meta instanceof Damage)) return meta
  }
  return new Damage('page 1 is not a header')
}

/** Reads the third header, which has neither magic nor page header, and no page size if it was never written. */
function thirdOf(read: Read, pageBytes: number): Meta | undefined {
  const b = read(PAGE_HEADER_BYTES + META_BYTES, pageBytes / 2)
  return b.length < PAGE_HEADER_BYTES + META_BYTES ? undefined : parseMeta(b.subarray(PAGE_HEADER_BYTES))
}

function readMeta(b: Buffer, page: number): Meta | Damage {
  if (b.length < PAGE_HEADER_BYTES + META_BYTES)
    return new Damage(`it ends within page ${page}, a part of its header`)
  const body = b.subarray(PAGE_HEADER_BYTES)
  if (body.readUInt32LE(0) !== MAGIC || (b.readUInt16LE(18) & META_FLAG) === 0)
    return new Damage(page === 0 ? 'it does not begin like a store' : `page ${page} is not a header`)
  const version = body.readUInt16LE(4)
  if (version !== DATA_VERSION)
    return new Damage(`page ${page} has version ${version} of the file's layout, not ${DATA_VERSION}`)
  const meta = parseMeta(body)
  const { pageBytes, lastPage, roots } = meta
  const sound =
    pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX && (pageBytes & (pageBytes - 1)) === 0
  if (!sound) return new Damage(`page ${page} says that pages have ${pageBytes} octets`)
  if (!roots.every((r) => r.page > 1 && r.page <= lastPage))
    return new Damage(`page ${page} points outside of the file`)
  return meta
}

function parseMeta(b: Buffer): Meta {
  return {
    pageBytes: b.readUInt32LE(24),
    overlapping: (b.readUInt16LE(28) & OVERLAPPING) !== 0,
    roots: [24, 72].flatMap((at) => rootAt(b, at)),
    lastPage: numberAt(b, 120),
    commit: numberAt(b, 128),
    boot: b.readBigInt64LE(136),
  }
}

/** The header LMDB would choose; undefined if that cannot be known here. */
function choose(first: Meta, second: Meta, third: Meta | undefined): Meta | undefined {
  const boot = bootNumber()
  if (boot === undefined && first.overlapping) return undefined
  const better = (a: Meta, b: Meta): Meta => {
    const [newer, older] = a.commit >= b.commit ? [a, b] : [b, a]
    if (b.commit === 0) return a
    const isLasting = (newer.boot !== 0n && newer.boot === boot) || !newer.overlapping
    return isLasting ? newer : older
  }
  const chosen = better(first, second)
  return third === undefined ? chosen : better(chosen, third)
}

/** The boot id of the machine, as LMDB reads it. */
function bootNumber(): bigint | undefined {
  try {
    const text = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')
    return BigInt(`0x${text.split('-')[0]}`)
  } catch {
    return undefined
  }
}

/** Replaces a header page by the other one. */
function mend(fd: number, page: number, pageBytes: number): void {
  const b = Buffer.alloc(PAGE_HEADER_BYTES + META_BYTES)
  readSync(fd, b, 0, b.length, (1 - page) * pageBytes)
  b.writeBigUInt64LE(BigInt(page), 0)
  writeSync(fd, b, 0, b.length, page * pageBytes)
}
