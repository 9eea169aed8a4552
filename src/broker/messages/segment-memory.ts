/**
 * Memory for segments of the default size: pieces of slabs. A slab is too large for malloc's own heap (glibc: up to 32
 * MiB), so it is returned to the system when it is dropped, and only its touched pages count as used. Buffers for
 * single segments would fragment the heap and keep it large.
 */
import { SEGMENT_BYTES } from './segment.ts'

const SLAB_SEGMENTS = 132
/** A slab with at most this share of its pieces in use is mostly wasted. */
const SPARSE_SHARE = 1 / 4

interface Slab {
  readonly buffer: ArrayBuffer
  /** Positions of free pieces, lowest last. */
  readonly free: number[]
}

export class SegmentMemory {
  /** Total number of pieces handed out since the start. */
  taken = 0
  /** Oldest first: pieces are taken from the oldest slab that has any, so that newer ones can become empty. */
  private slabs: Slab[] = []
  private readonly slabSegments: number

  /** @param slabSegments number of pieces in a slab */
  constructor(slabSegments = SLAB_SEGMENTS) {
    this.slabSegments = slabSegments
  }

  /** Octets of all slabs, touched or not. */
  get bytes(): number {
    return this.slabs.length * this.slabSegments * SEGMENT_BYTES
  }

  /** Returns a piece of SEGMENT_BYTES with arbitrary content. */
  take(): Uint8Array {
    this.taken++
    const slab = this.slabs.find((s) => s.free.length > 0) ?? this.add()
    return new Uint8Array(slab.buffer, (slab.free.pop() as number) * SEGMENT_BYTES, SEGMENT_BYTES)
  }

  private add(): Slab {
    const free = Array.from({ length: this.slabSegments }, (_, i) => this.slabSegments - 1 - i)
    const slab = { buffer: new ArrayBuffer(this.slabSegments * SEGMENT_BYTES), free }
    this.slabs.push(slab)
    return slab
  }

  /** Takes a piece back. Returns false if it does not belong to a slab. */
  give(memory: Uint8Array): boolean {
    const slab = this.slabs.find((s) => s.buffer === memory.buffer)
    if (slab === undefined) return false
    slab.free.push(memory.byteOffset / SEGMENT_BYTES)
    return true
  }

  /** Whether the memory is a piece of a slab. */
  has(memory: Uint8Array): boolean {
    return this.slabs.some((s) => s.buffer === memory.buffer)
  }

  /** Whether the piece is one of a few in use in its slab, which thus keep a whole slab in memory. */
  isSparse(memory: Uint8Array): boolean {
    const slab = this.slabs.find((s) => s.buffer === memory.buffer)
    return slab !== undefined && slab.free.length >= this.slabSegments * (1 - SPARSE_SHARE)
  }

  /** Drops slabs without pieces in use; returns their size in octets. */
  forget(): number {
    const before = this.bytes
    this.slabs = this.slabs.filter((s) => s.free.length < this.slabSegments)
    for (const { free } of this.slabs) free.sort((a, b) => b - a)
    return before - this.bytes
  }
}
