/**
 * Memory for segments of the usual size, cut out of slabs. A slab is larger than what malloc takes from its own heap
 * (glibc: up to 32 MiB), so the system has it back as soon as it is dropped, and of a new one only what is used counts.
 * Buffers of a segment's size each would be scattered over that heap and keep it large when they are gone.
 */
import { SEGMENT_BYTES } from './segment.ts'

const SLAB_SEGMENTS = 132

interface Slab {
  readonly buffer: ArrayBuffer
  /** Places that are free, the lowest one last. */
  readonly free: number[]
}

export class SegmentMemory {
  /** Pieces handed out so far, in all. */
  taken = 0
  /** The oldest first: what can be taken from it leaves the others to become free. */
  private slabs: Slab[] = []

  /** Octets of slabs, whether or not they have been touched. */
  get bytes(): number {
    return this.slabs.length * SLAB_SEGMENTS * SEGMENT_BYTES
  }

  /** A piece of SEGMENT_BYTES; its content is arbitrary. */
  take(): Uint8Array {
    this.taken++
    const slab = this.slabs.find((s) => s.free.length > 0) ?? this.add()
    return new Uint8Array(slab.buffer, (slab.free.pop() as number) * SEGMENT_BYTES, SEGMENT_BYTES)
  }

  private add(): Slab {
    const free = Array.from({ length: SLAB_SEGMENTS }, (_, i) => SLAB_SEGMENTS - 1 - i)
    const slab = { buffer: new ArrayBuffer(SLAB_SEGMENTS * SEGMENT_BYTES), free }
    this.slabs.push(slab)
    return slab
  }

  /** Nobody looks at this piece any more. False where it is not one of these. */
  give(memory: Uint8Array): boolean {
    const slab = this.slabs.find((s) => s.buffer === memory.buffer)
    if (slab === undefined) return false
    slab.free.push(memory.byteOffset / SEGMENT_BYTES)
    return true
  }

  /** Whether that piece is cut out of a slab. */
  has(memory: Uint8Array): boolean {
    return this.slabs.some((s) => s.buffer === memory.buffer)
  }

  /** Lets go of slabs of which nothing is in use; returns their octets. */
  forget(): number {
    const before = this.bytes
    this.slabs = this.slabs.filter((s) => s.free.length < SLAB_SEGMENTS)
    for (const { free } of this.slabs) free.sort((a, b) => b - a)
    return before - this.bytes
  }
}
