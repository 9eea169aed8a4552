// hot: per message
/** Below this many octets a loop is faster than a call to TypedArray.prototype.set (measured on Node 20). */
const LOOP_BYTES_MAX = 32

/**
 * Copies `from[start, end)` to `to` at `at`. Both must be plain Uint8Arrays: `subarray` of a Buffer costs twice as
 * much, because it looks up the species constructor.
 */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start < LOOP_BYTES_MAX) {
    for (let i = start, o = at; i < end; i++, o++) to[o] = from[i] as number
  } else {
    to.set(from.subarray(start, end), at)
  }
}

/** The same octets as a plain Uint8Array, without copying. */
export function plainView(b: Uint8Array): Uint8Array {
  return new Uint8Array(b.buffer, b.byteOffset, b.byteLength)
}

/** The same octets as a Buffer, without copying. */
export function bufferView(b: Uint8Array): Buffer {
  return Buffer.from(b.buffer, b.byteOffset, b.byteLength)
}
