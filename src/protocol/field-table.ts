/**
 * Field tables by RabbitMQ's reading of the type letters (behaviour.md section 2).
 * A table keeps the octets that it came in, so that what passes through comes out equal.
 */
import { TABLE_DEPTH_MAX } from '../limits.ts'
import { frameError } from './errors.ts'

export type FieldValue =
  | { type: 't'; value: boolean }
  | { type: 'b' | 'B' | 's' | 'u' | 'I' | 'i' | 'f' | 'd'; value: number }
  | { type: 'l' | 'L' | 'T'; value: bigint }
  | { type: 'D'; value: { scale: number; digits: number } }
  | { type: 'S' | 'x'; value: Buffer }
  | { type: 'A'; value: FieldValue[] }
  | { type: 'F'; value: FieldTable }
  | { type: 'V'; value: undefined }

/** A JavaScript value that `FieldTable.from` turns into a field: whole numbers become `I` or `l`, others `d`. */
export type PlainValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | Buffer
  | FieldTable
  | PlainValue[]
  | { [name: string]: PlainValue }

export interface FieldEntry {
  readonly name: string
  readonly value: FieldValue
  /** name, type letter and value as they stand on the wire */
  readonly bytes: Buffer
}

export class FieldTable {
  static readonly empty = new FieldTable(Buffer.alloc(0), [])

  /** Without the length in front. */
  readonly bytes: Buffer
  readonly entries: readonly FieldEntry[]

  private constructor(bytes: Buffer, entries: readonly FieldEntry[]) {
    this.bytes = bytes
    this.entries = entries
  }

  /** @throws AmqpError 501 where the octets are not a table. The buffer must not change afterwards. */
  static decode(bytes: Buffer, depth = 0): FieldTable {
    if (bytes.length === 0) return FieldTable.empty
    const r = new ValueReader(bytes, depth)
    const entries: FieldEntry[] = []
    while (!r.done) entries.push(r.entry())
    return new FieldTable(bytes, entries)
  }

  static from(plain: { [name: string]: PlainValue }): FieldTable {
    return FieldTable.of(Object.entries(plain).map(([name, v]) => fieldEntry(name, toField(v))))
  }

  static of(entries: readonly FieldEntry[]): FieldTable {
    return new FieldTable(Buffer.concat(entries.map((e) => e.bytes)), entries)
  }

  /** The other fields, in their order. */
  without(...names: readonly string[]): FieldTable {
    return FieldTable.of(this.entries.filter((e) => !names.includes(e.name)))
  }

  /** The first field of that name: duplicates are kept, but only the first one counts. */
  get(name: string): FieldValue | undefined {
    for (const e of this.entries) if (e.name === name) return e.value
    return undefined
  }

  /** A text field; undefined where it is absent or of another type. */
  text(name: string): string | undefined {
    const v = this.get(name)
    return v?.type === 'S' ? v.value.toString() : undefined
  }

  /** Without a prototype: no name is special. */
  toPlain(): { [name: string]: PlainValue } {
    const out: { [name: string]: PlainValue } = Object.create(null)
    for (const e of this.entries) if (!(e.name in out)) out[e.name] = toPlain(e.value)
    return out
  }
}

/** An integer of any width; undefined for other types. */
export function integerOf(v: FieldValue): number | undefined {
  switch (v.type) {
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
      return v.value
    case 'l':
    case 'L':
      return Number(v.value)
    default:
      return undefined
  }
}

/** Equal as RabbitMQ compares arguments: integer widths are one class, every other type only equals itself. */
export function fieldsEqual(a: FieldValue | undefined, b: FieldValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  const x = integerOf(a)
  if (x !== undefined) return x === integerOf(b)
  if (a.type !== b.type) return false
  if (Buffer.isBuffer(a.value)) return a.value.equals(b.value as Buffer)
  if (a.type === 'F') return a.value.bytes.equals((b.value as FieldTable).bytes)
  if (a.type === 'A') {
    const other = b.value as FieldValue[]
    return a.value.length === other.length && a.value.every((v, i) => fieldsEqual(v, other[i]))
  }
  if (a.type === 'D') {
    const other = b.value as { scale: number; digits: number }
    return a.value.scale === other.scale && a.value.digits === other.digits
  }
  return a.value === b.value
}

export function shortString(s: string): Buffer {
  const b = Buffer.from(s)
  if (b.length > 255) throw new RangeError(`a short string holds 255 octets, not ${b.length}`)
  return b
}

export function fieldEntry(name: string, value: FieldValue): FieldEntry {
  const n = shortString(name)
  return { name, value, bytes: Buffer.concat([Buffer.from([n.length]), n, encodeField(value)]) }
}

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

/** Type letter and value. */
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
      return Buffer.from([0x74, f.value ? 1 : 0])
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
    default: {
      const b = Buffer.alloc(1 + (numberSizes[f.type] ?? 0))
      b.write(f.type, 0, 'latin1')
      numberWriters[f.type]?.(b, f.value)
      return b
    }
  }
}

export function toField(v: PlainValue): FieldValue {
  if (v === null) return { type: 'V', value: undefined }
  if (typeof v === 'string') return { type: 'S', value: Buffer.from(v) }
  if (typeof v === 'boolean') return { type: 't', value: v }
  if (typeof v === 'bigint') return { type: 'l', value: v }
  if (typeof v === 'number') {
    if (!Number.isSafeInteger(v)) return { type: 'd', value: v }
    return v === (v | 0) ? { type: 'I', value: v } : { type: 'l', value: BigInt(v) }
  }
  if (Buffer.isBuffer(v)) return { type: 'x', value: v }
  if (v instanceof Date) return { type: 'T', value: BigInt(Math.floor(v.getTime() / 1000)) }
  if (v instanceof FieldTable) return { type: 'F', value: v }
  if (Array.isArray(v)) return { type: 'A', value: v.map(toField) }
  return { type: 'F', value: FieldTable.from(v) }
}

export function toPlain(f: FieldValue): PlainValue {
  switch (f.type) {
    case 'S':
      return f.value.toString()
    case 'l':
    case 'L':
      return Number.isSafeInteger(Number(f.value)) ? Number(f.value) : f.value
    case 'T':
      return new Date(Number(f.value) * 1000)
    case 'A':
      return f.value.map(toPlain)
    case 'F':
      return f.value.toPlain()
    case 'D':
      return f.value.digits / 10 ** f.value.scale
    case 'V':
      return null
    default:
      return f.value
  }
}

class ValueReader {
  private readonly b: Buffer
  private readonly depth: number
  private at = 0

  constructor(b: Buffer, depth: number) {
    if (depth > TABLE_DEPTH_MAX) throw frameError(`field table nested deeper than ${TABLE_DEPTH_MAX}`)
    this.b = b
    this.depth = depth
  }

  get done(): boolean {
    return this.at === this.b.length
  }

  private take(size: number): number {
    const start = this.at
    if (start + size > this.b.length) throw frameError('field table ends in the middle of a field')
    this.at = start + size
    return start
  }

  private sized(): Buffer {
    const size = this.b.readUInt32BE(this.take(4))
    const start = this.take(size)
    return this.b.subarray(start, start + size)
  }

  entry(): FieldEntry {
    const start = this.at
    const size = this.b[this.take(1)] as number
    const nameAt = this.take(size)
    const name = this.b.toString('utf8', nameAt, nameAt + size)
    const value = this.value()
    return { name, value, bytes: this.b.subarray(start, this.at) }
  }

  value(): FieldValue {
    const letter = String.fromCharCode(this.b[this.take(1)] as number)
    switch (letter) {
      case 'S':
      case 'x':
        return { type: letter, value: this.sized() }
      case 'F':
        return { type: 'F', value: FieldTable.decode(this.sized(), this.depth + 1) }
      case 'A':
        return { type: 'A', value: this.array() }
      case 't':
        return { type: 't', value: this.b[this.take(1)] !== 0 }
      case 'V':
        return { type: 'V', value: undefined }
      case 'l':
      case 'L':
        return { type: letter, value: this.b.readBigInt64BE(this.take(8)) }
      case 'T':
        return { type: 'T', value: this.b.readBigUInt64BE(this.take(8)) }
      case 'D':
        return {
          type: 'D',
          value: { scale: this.b.readUInt8(this.take(1)), digits: this.b.readUInt32BE(this.take(4)) },
        }
      default:
        return this.number(letter)
    }
  }

  private array(): FieldValue[] {
    const r = new ValueReader(this.sized(), this.depth + 1)
    const out: FieldValue[] = []
    while (!r.done) out.push(r.value())
    return out
  }

  private number(letter: string): FieldValue {
    switch (letter) {
      case 'b':
        return { type: letter, value: this.b.readInt8(this.take(1)) }
      case 'B':
        return { type: letter, value: this.b.readUInt8(this.take(1)) }
      case 's':
        return { type: letter, value: this.b.readInt16BE(this.take(2)) }
      case 'u':
        return { type: letter, value: this.b.readUInt16BE(this.take(2)) }
      case 'I':
        return { type: letter, value: this.b.readInt32BE(this.take(4)) }
      case 'i':
        return { type: letter, value: this.b.readUInt32BE(this.take(4)) }
      case 'f':
        return { type: letter, value: this.b.readFloatBE(this.take(4)) }
      case 'd':
        return { type: letter, value: this.b.readDoubleBE(this.take(8)) }
      default:
        throw frameError(`unknown field type ${JSON.stringify(letter)}`)
    }
  }
}
