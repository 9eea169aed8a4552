/** Encodes the values of field tables. */
import { EncodeError } from '../util/octet-text.ts'
import type { FieldValue } from './field-table.ts'

function withLength(letter: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(letter, 0, 'latin1')
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

const numberWriters: Record<string, (b: Buffer, v: number) => unknown> = {
  b: (b, v) => b.writeInt8(v, 1),
  B: (b, v) => b.writeUInt8(v, 1),
  s: (b, v) => b.writeInt16BE(v, 1),
  u: (b, v) => b.writeUInt16BE(v, 1),
  I: (b, v) => b.writeInt32BE(v, 1),
  i: (b, v) => b.writeUInt32BE(v, 1),
  f: (b, v) => b.writeFloatBE(v, 1),
  d: (b, v) => b.writeDoubleBE(v, 1),
}
const numberSizes: Record<string, number> = { b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, f: 4, d: 8 }

/** Encodes type letter and value. */
export function encodeField(f: FieldValue): Buffer {
  switch (f.type) {
    case 'S':
    case 'x':
      return withLength(f.type, f.value)
    case 'F':
      return withLength('F', f.value.bytes)
    case 'A':
      return withLength('A', Buffer.concat(f.value.map(encodeField)))
    case 'V':
      return Buffer.from('V')
    case 't':
      return f.octets === undefined ? Buffer.from([0x74, f.value ? 1 : 0]) : withOctets('t', f.octets)
    case 'f':
    case 'd':
      return f.octets === undefined ? encodeNumber(f) : withOctets(f.type, f.octets)
    case 'l':
    case 'L':
    case 'T': {
      const b = Buffer.alloc(9)
      b.write(f.type, 0, 'latin1')
      if (f.type === 'T') b.writeBigUInt64BE(f.value, 1)
      else b.writeBigInt64BE(f.value, 1)
      return b
    }
    case 'D': {
      const b = Buffer.alloc(6)
      b.write('D', 0, 'latin1')
      b.writeUInt8(f.value.scale, 1)
      b.writeUInt32BE(f.value.digits, 2)
      return b
    }
    default:
      return encodeNumber(f)
  }
}

function withOctets(letter: string, octets: Buffer): Buffer {
  return Buffer.concat([Buffer.from(letter), octets])
}

/** @throws RangeError for a number outside the range of the type */
function encodeNumber({ type, value }: { type: string; value: number }): Buffer {
  if (type === 'f' && Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
    throw new EncodeError(`${value} is too large for a float`)
  const b = Buffer.alloc(1 + (numberSizes[type] ?? 0))
  b.write(type, 0, 'latin1')
  numberWriters[type]?.(b, value)
  return b
}
