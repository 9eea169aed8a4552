/**
 * Reusable memory for large messages: freshly allocated memory costs a page fault every 4 KiB, which takes longer than
 * copying the message.
 */
const CLASS_BYTES = 64 * 1024
/** Larger buffers are left to the garbage collector. */
const PIECE_BYTES_MAX = 4 * 1024 * 1024
/** Maximum octets kept for reuse. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024

const kept = new Map<number, ArrayBuffer[]>()
let keptBytes = 0

/** Memory of at least that size; its length is a multiple of four, its content arbitrary. */
export function takeMemory(bytes: number): ArrayBuffer {
  if (bytes < CLASS_BYTES || bytes > PIECE_BYTES_MAX) return fresh((bytes + 3) & ~3)
  const size = Math.ceil(bytes / CLASS_BYTES) * CLASS_BYTES
  const found = kept.get(size)?.pop()
  if (found === undefined) return fresh(size)
  keptBytes -= size
  return found
}

/** Returns memory that is no longer referenced. */
export function giveMemoryBack(memory: ArrayBuffer): void {
  const size = memory.byteLength
  if (size % CLASS_BYTES !== 0 || size > PIECE_BYTES_MAX || keptBytes + size > KEPT_BYTES_MAX) return
  const list = kept.get(size)
  if (list === undefined) kept.set(size, [memory])
  else list.push(memory)
  keptBytes += size
}

/** Releases all memory kept for reuse. */
export function forgetMemory(): void {
  kept.clear()
  keptBytes = 0
}

function fresh(size: number): ArrayBuffer {
  return Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer
}
