import { EncodeError, shortString } from '../util/octet-text.ts'
import type { FieldTable } from './field-table.ts'
import { FRAME_END, FRAME_METHOD } from './generated/constants.ts'
import { encodeArguments } from './generated/encode.ts'
import type { AnyMethod } from './generated/methods.ts'

const INITIAL_BYTES = 256
const U64_ROUNDED = 2 ** 64
const U64_MAX = 2n ** 64n - 1n

/** A growing buffer with methods for the AMQP data types; used for everything that is not sent for each message. */
export class FrameWriter {
  private buffer: Buffer
  private at = 0

  constructor(sizeHint = INITIAL_BYTES) {
    this.buffer = Buffer.allocUnsafe(sizeHint)
  }

  /** Reserves `size` octets; returns their offset. May replace `buffer`, so call it before accessing that. */
  private room(size: number): number {
    const start = this.at
    const end = start + size
    if (end > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.buffer.length * 2))
      this.buffer.copy(larger, 0, 0, start)
      this.buffer = larger
    }
    this.at = end
    return start
  }

  get length(): number {
    return this.at
  }

  /** As all writers of numbers, throws a RangeError for a number that does not fit; nothing wraps silently. */
  u8(v: number): void {
    if (v !== (v & 0xff)) throw new EncodeError(`${v} is no octet`)
    const at = this.room(1)
    this.buffer[at] = v
  }

  u16(v: number): void {
    const at = this.room(2)
    this.buffer.writeUInt16BE(v, at)
  }

  u32(v: number): void {
    const at = this.room(4)
    this.buffer.writeUInt32BE(v, at)
  }

  /** Numbers above 2^53 were rounded when they were decoded, the greatest ones to 2^64. */
  u64(v: number | bigint): void {
    const at = this.room(8)
    this.buffer.writeBigUInt64BE(v === U64_ROUNDED ? U64_MAX : BigInt(v), at)
  }

  bytes(b: Uint8Array): void {
    const at = this.room(b.length)
    this.buffer.set(b, at)
  }

  /** @throws EncodeError above 255 octets */
  shortstr(s: string): void {
    const b = shortString(s)
    this.u8(b.length)
    this.bytes(b)
  }

  longstr(b: Uint8Array): void {
    this.u32(b.length)
    this.bytes(b)
  }

  table(t: FieldTable): void {
    this.longstr(t.bytes)
  }

  /** Writes a complete method frame. */
  method(channel: number, m: AnyMethod): void {
    this.u8(FRAME_METHOD)
    this.u16(channel)
    const sizeAt = this.room(4)
    this.u32(m.id)
    encodeArguments(this, m)
    this.buffer.writeUInt32BE(this.at - sizeAt - 4, sizeAt)
    this.u8(FRAME_END)
  }

  /** Writes a complete frame with that payload. */
  frame(type: number, channel: number, payload: Uint8Array): void {
    this.u8(type)
    this.u16(channel)
    this.longstr(payload)
    this.u8(FRAME_END)
  }

  /** The octets written so far; valid until the next write. */
  view(): Buffer {
    return this.buffer.subarray(0, this.at)
  }
}

export function encodeMethodFrame(channel: number, m: AnyMethod): Buffer {
  const w = new FrameWriter()
  w.method(channel, m)
  return w.view()
}
