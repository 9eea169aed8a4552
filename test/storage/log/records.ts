/** Records for tests of commit logs, and a disk that forgets what was not synced when its power goes. */

import { type CommitLog, seal } from '../../../src/storage/log/commit-log.ts'
import type { JournalDisk, JournalFile } from '../../../src/storage/log/journal-disk.ts'

/** All octets, twice. */
const OCTETS = Buffer.from(Array.from({ length: 512 }, (_, i) => i & 255))

/** A sealed record of about that many octets that says which one it is. */
export function record(n: number, bytes = 16): Buffer {
  const b = Buffer.alloc((Math.max(12, bytes) + 3) & ~3)
  // Each octet is n * 31 and its place, modulo 256.
  const first = (n * 31 + 8) & 255
  b.fill(OCTETS.subarray(first, first + 256), 8)
  b.writeDoubleLE(n, 0)
  seal(b)
  return b
}

export function numberOf(b: Uint8Array): number {
  return Buffer.from(b.buffer, b.byteOffset, b.byteLength).readDoubleLE(0)
}

export async function readAll(log: CommitLog, from = log.first): Promise<[number, number][]> {
  const out: [number, number][] = []
  for await (const { position, bytes } of log.read(from)) {
    if (!Buffer.from(bytes).equals(record(numberOf(bytes), bytes.length)))
      throw new Error(`record ${position} is not whole`)
    out.push([position, numberOf(bytes)])
  }
  return out
}

/** xorshift: the same numbers for the same seed. */
export function randomOf(seed: number): (below: number) => number {
  let x = (seed * 2654435761 + 1) | 0 || 1
  return (below) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return Math.floor(((x >>> 0) / 4294967296) * below)
  }
}

/** Long enough for everybody else to go on. */
export async function manyTurns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

const SECTOR = 512

/** What survives a power cut. */
interface Content {
  memory: Buffer
  length: number
}

export class PowerCut extends Error {}

/** In memory. After `cutAt` writes the power goes: of the write under way, each sector is there or not. */
export class SimulatedDisk implements JournalDisk {
  readonly content = new Map<string, Content>()
  /** Writes until the power goes; negative: never. */
  cutAfter = -1
  free = 1e12
  /** Makes the n-th call of a write fail with that code. */
  failAt = -1
  failCode = 'EIO'
  /** In place of that the call only takes long. */
  late = false
  writes = 0
  cut = false
  private readonly random: (below: number) => number

  constructor(random: (below: number) => number) {
    this.random = random
  }

  /** There is no folder to copy into. */
  copy(): Promise<void> {
    return Promise.reject(new Error('not simulated'))
  }

  list(): string[] {
    return [...this.content.keys()]
  }

  freeBytes(): number {
    return this.free
  }

  async remove(name: string): Promise<void> {
    if (this.cut) return
    this.content.delete(name)
  }

  async open(name: string): Promise<JournalFile> {
    await this.pause()
    if (this.cut) throw new PowerCut()
    let c = this.content.get(name)
    if (c === undefined) {
      c = { memory: Buffer.alloc(0), length: 0 }
      this.content.set(name, c)
    }
    const content = c
    return {
      name,
      write: (parts, at) => this.write(content, Buffer.concat(parts), at),
      allocate: async (bytes) => {
        await this.pause()
        if (this.cut) throw new PowerCut()
        grow(content, bytes)
      },
      read: async () => Buffer.from(content.memory.subarray(0, content.length)),
      close: async () => {},
    }
  }

  private async write(c: Content, b: Buffer, at: number): Promise<void> {
    await this.pause()
    if (this.cut) throw new PowerCut()
    this.writes++
    if (this.writes === this.failAt && this.late) await manyTurns()
    else if (this.writes === this.failAt) {
      this.put(c, b, at, true)
      throw Object.assign(new Error(this.failCode), { code: this.failCode })
    }
    if (this.cutAfter >= 0 && this.writes > this.cutAfter) {
      this.cut = true
      this.put(c, b, at, true)
      throw new PowerCut()
    }
    this.put(c, b, at, false)
  }

  private put(c: Content, b: Buffer, at: number, torn: boolean): void {
    grow(c, at + b.length)
    for (let i = 0; i < b.length; i += SECTOR)
      if (!torn || this.random(2) === 0) b.copy(c.memory, at + i, i, Math.min(i + SECTOR, b.length))
  }

  private pause(): Promise<void> {
    return Promise.resolve()
  }

  /** The power is back. */
  restart(): void {
    this.cut = false
    this.cutAfter = this.failAt = -1
    this.writes = 0
  }
}

function grow(c: Content, bytes: number): void {
  if (c.memory.length < bytes) {
    const larger = Buffer.alloc(bytes * 2)
    c.memory.copy(larger)
    c.memory = larger
  }
  c.length = Math.max(c.length, bytes)
}
