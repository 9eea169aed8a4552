// hot: per message

/**
 * Up to this many octets, copying four at a time through views is faster than TypedArray.prototype.set, which needs
 * another view of the part to be copied: an object for each message, which the garbage collector has to collect
 * (measured on Node 20, in a broker under load; equal from about 200 octets on).
 */
const VIEW_BYTES_MAX = 192

/** Octets, and the same memory as a view that reads any four of them at once, wherever they begin. */
export class Octets {
  /** A plain array: `subarray` of a Buffer costs twice as much, because it looks up the species constructor. */
  readonly bytes: Uint8Array
  readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

export const noOctets = new Octets(new Uint8Array(0))

/** Copies `from[start, end)` to `to` at `at`. @throws RangeError if `to` is too short */
export function copyOctets(from: Octets, start: number, end: number, to: Octets, at: number): void {
  if (end - start <= VIEW_BYTES_MAX) copyByView(from.view, start, end, to.view, at)
  else to.bytes.set(from.bytes.subarray(start, end), at)
}

/**
 * Copies sixteen octets per step: V8 unrolls no loops over memory. Their order is kept, since both views use one
 * endianness.
 */
function copyByView(from: DataView, start: number, end: number, to: DataView, at: number): void {
  let i = start
  let o = at
  for (const last = end - 15; i < last; i += 16, o += 16) {
    to.setInt32(o, from.getInt32(i, true), true)
    to.setInt32(o + 4, from.getInt32(i + 4, true), true)
    to.setInt32(o + 8, from.getInt32(i + 8, true), true)
    to.setInt32(o + 12, from.getInt32(i + 12, true), true)
  }
  for (const last = end - 3; i < last; i += 4, o += 4) to.setInt32(o, from.getInt32(i, true), true)
  for (; i < end; i++, o++) to.setUint8(o, from.getUint8(i))
}

/** The same octets as a plain Uint8Array, without copying. */
export function plainView(b: Uint8Array): Uint8Array {
  return new Uint8Array(b.buffer, b.byteOffset, b.byteLength)
}

/** The same octets as a Buffer, without copying. */
export function bufferView(b: Uint8Array): Buffer {
  return Buffer.from(b.buffer, b.byteOffset, b.byteLength)
}
