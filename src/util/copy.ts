// hot: per message
/**
 * Below this many octets a loop is faster than a view and a call to TypedArray.prototype.set, which the garbage
 * collector pays for too (measured on Node 20).
 */
const LOOP_BYTES_MAX = 96

/**
 * Copies `from[start, end)` to `to` at `at`. Both must be plain Uint8Arrays: `subarray` of a Buffer costs twice as
 * much, because it looks up the species constructor.
 */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start < LOOP_BYTES_MAX) {
    copyByLoop(from, start, end, to, at)
  } else {
    to.set(from.subarray(start, end), at)
  }
}

/** Eight at a time: V8 unrolls no loops over typed arrays. */
function copyByLoop(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  let i = start
  let o = at
  for (const last = end - 7; i < last; i += 8, o += 8) {
    to[o] = from[i] as number
    to[o + 1] = from[i + 1] as number
    to[o + 2] = from[i + 2] as number
    to[o + 3] = from[i + 3] as number
    to[o + 4] = from[i + 4] as number
    to[o + 5] = from[i + 5] as number
    to[o + 6] = from[i + 6] as number
    to[o + 7] = from[i + 7] as number
  }
  for (; i < end; i++, o++) to[o] = from[i] as number
}

/** The same octets as a plain Uint8Array, without copying. */
export function plainView(b: Uint8Array): Uint8Array {
  return new Uint8Array(b.buffer, b.byteOffset, b.byteLength)
}

/** The same octets as a Buffer, without copying. */
export function bufferView(b: Uint8Array): Buffer {
  return Buffer.from(b.buffer, b.byteOffset, b.byteLength)
}
