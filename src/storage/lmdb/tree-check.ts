/**
 * Walks the pages of LMDB's trees and checks that each is in its place, has the right kind, and points only into the
 * file and into itself. Values larger than a page are not read.
 */
import { readSync } from 'node:fs'

export const PAGE_HEADER_BYTES = 24
const BRANCH = 0x01
const LEAF = 0x02
const NODE_HEADER_BYTES = 8
/** Flags of a node: its value has pages of its own; its value is the root of a tree. */
const BIG = 0x01
const SUBTREE = 0x02
const BIG_BYTES = 24
const SUBTREE_BYTES = 48
const DEPTH_MAX = 32
/**
 * Maximum pages to check, so that a start with a large store does not wait for the disk. A file shorter than its header
 * says is checked completely: only free pages may be missing.
 */
const PAGES_MAX = 4_096

const NO_PAGE = 0xffff_ffff

/** A header of the file, which describes one state of the store. */
export interface Meta {
  /** Page size, a power of two. */
  readonly pageBytes: number
  /** Whether commits overlap with syncing. */
  readonly overlapping: boolean
  /** The tree of free pages and the main tree, unless empty. */
  readonly roots: readonly Root[]
  readonly lastPage: number
  /** Number of the commit; 0 = none. */
  readonly commit: number
  /** Boot id of the machine that wrote it; 0 = unknown. */
  readonly boot: bigint
}

export interface Root {
  readonly page: number
  /** 1 = a single page. */
  readonly depth: number
}

/** A problem with the file. */
export class Damage extends Error {}

/** Reads the description of a tree, 48 octets; returns an empty list if the tree is empty. */
export function rootAt(b: Buffer, at: number): Root[] {
  if (b.readUInt32LE(at + 40) === NO_PAGE && b.readUInt32LE(at + 44) === NO_PAGE) return []
  return [{ page: numberAt(b, at + 40), depth: b.readUInt16LE(at + 6) }]
}

/** Reads a 64-bit number; inexact from 2^53 on, but such numbers are invalid everywhere. */
export function numberAt(b: Buffer, at: number): number {
  return b.readUInt32LE(at) + b.readUInt32LE(at + 4) * 2 ** 32
}

/** @throws Damage that names the page */
export function checkTrees(fd: number, size: number, meta: Meta): void {
  new Walk(fd, size, meta).run()
}

class Walk {
  private readonly fd: number
  private readonly meta: Meta
  /** Number of existing pages, at most `lastPage` + 1. */
  private readonly pages: number
  private readonly page: Buffer
  private readonly open: Root[]
  private readonly size: number

  constructor(fd: number, size: number, meta: Meta) {
    this.fd = fd
    this.size = size
    this.meta = meta
    this.pages = Math.min(meta.lastPage + 1, Math.floor(size / meta.pageBytes))
    this.page = Buffer.alloc(meta.pageBytes)
    this.open = [...meta.roots]
  }

  run(): void {
    const isCut = this.pages <= this.meta.lastPage
    let looked = 0
    for (let next = this.open.pop(); next !== undefined; next = this.open.pop()) {
      if (next.depth < 1 || next.depth > DEPTH_MAX)
        throw new Damage(`the tree at page ${next.page} has a depth of ${next.depth}`)
      this.look(next)
      if (++looked >= PAGES_MAX && !isCut) return
    }
  }

  private check(page: number, count: number, from: number | undefined): void {
    if (page > 1 && count > 0 && page + count <= this.pages) return
    const where = from === undefined ? 'its header' : `page ${from}`
    if (page > 1 && page + count - 1 <= this.meta.lastPage)
      throw new Damage(
        `it ends after ${this.size} octets, but ${where} points to page ${page} of ${this.meta.lastPage + 1}: it was cut off`,
      )
    throw new Damage(`${where} points to page ${page}, which cannot be`)
  }

  private look({ page, depth }: Root): void {
    this.check(page, 1, undefined)
    const { page: b, meta } = this
    const read = readSync(this.fd, b, 0, meta.pageBytes, page * meta.pageBytes)
    const kind = b.readUInt16LE(18) & (BRANCH | LEAF)
    const [lower, upper] = [b.readUInt16LE(20), b.readUInt16LE(22)]
    const room = meta.pageBytes - PAGE_HEADER_BYTES
    const isWhole = read === meta.pageBytes && numberAt(b, 0) === page && numberAt(b, 8) <= meta.commit
    if (!isWhole || kind !== (depth > 1 ? BRANCH : LEAF) || lower > upper || upper > room)
      throw new Damage(`page ${page} is damaged`)
    for (let at = PAGE_HEADER_BYTES; at < PAGE_HEADER_BYTES + lower; at += 2) {
      const node = b.readUInt16LE(at) + PAGE_HEADER_BYTES
      if (node < PAGE_HEADER_BYTES + upper || node + NODE_HEADER_BYTES > meta.pageBytes)
        throw new Damage(`page ${page} is damaged`)
      if (depth > 1) this.branch(page, node, depth)
      else this.leaf(page, node)
    }
  }

  private branch(from: number, node: number, depth: number): void {
    const child = this.page.readUInt32LE(node) + this.page.readUInt16LE(node + 4) * 2 ** 32
    this.check(child, 1, from)
    this.open.push({ page: child, depth: depth - 1 })
  }

  private leaf(from: number, node: number): void {
    const { page: b, meta } = this
    const bytes = b.readUInt32LE(node)
    const flags = b.readUInt16LE(node + 4)
    const value = node + NODE_HEADER_BYTES + b.readUInt16LE(node + 6)
    const inPage = (flags & BIG) !== 0 ? BIG_BYTES : bytes
    if (value + inPage > meta.pageBytes) throw new Damage(`page ${from} is damaged`)
    if ((flags & BIG) !== 0) {
      const count = Math.ceil((PAGE_HEADER_BYTES + bytes) / meta.pageBytes)
      this.check(numberAt(b, value), count, from)
      if (numberAt(b, value + 8) > meta.commit) throw new Damage(`page ${from} is damaged`)
    }
    if ((flags & SUBTREE) === 0) return
    if (bytes !== SUBTREE_BYTES) throw new Damage(`page ${from} is damaged`)
    for (const root of rootAt(b, value)) {
      this.check(root.page, 1, from)
      this.open.push(root)
    }
  }
}
