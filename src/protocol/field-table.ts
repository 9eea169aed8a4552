/**
 * Field tables, with type letters as RabbitMQ reads them (behaviour.md section 2). A table keeps the octets that were
 * received, so that it is passed on unchanged.
 */
import { TABLE_DEPTH_MAX } from '../limits.ts'
import { EncodeError, octetText, shortString, textOctets } from '../util/octet-text.ts'
import { frameError } from './errors.ts'
import { encodeField } from './field-encode.ts'

/** `octets` is set if `value` does not determine them: a true that is not 1, a NaN with a payload. */
export type FieldValue =
  | { type: 't'; value: boolean; octets?: Buffer }
  | { type: 'b' | 'B' | 's' | 'u' | 'I' | 'i'; value: number }
  | { type: 'f' | 'd'; value: number; octets?: Buffer }
  | { type: 'l' | 'L' | 'T'; value: bigint }
  | { type: 'D'; value: { scale: number; digits: number } }
  | { type: 'S' | 'x'; value: Buffer }
  | { type: 'A'; value: FieldValue[] }
  | { type: 'F'; value: FieldTable }
  | { type: 'V'; value: undefined }

/** A JavaScript value that `toField` turns into a field: integers become `I` or `l`, other numbers `d`. */
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

/** Up to this number of fields, a linear search is as fast as an index. */
const SEARCHED_FIELDS_MAX = 16

export interface FieldEntry {
  /** Encoded as in octet-text.ts. */
  readonly name: string
  readonly value: FieldValue
  /** Name, type letter and value in wire format. */
  readonly bytes: Buffer
}

interface Decoded {
  readonly entries: readonly FieldEntry[]
  /** The first field of each name; only for a table with many fields. */
  byName: Map<string, FieldValue> | undefined
}

/**
 * Up to this size in octets, a table keeps its decoded fields. Those of larger tables may be garbage-collected and
 * decoded again: 128 KiB of short fields become 5 MB of objects, and arguments are kept as long as their queue or
 * binding.
 */
const KEPT_DECODED_BYTES_MAX = 4096

function decodedAgain(bytes: Buffer): Decoded {
  const reader = new ValueReader(bytes, 0, Number.POSITIVE_INFINITY)
  return { entries: reader.entries(), byName: undefined }
}

export class FieldTable {
  static readonly empty = new FieldTable(Buffer.alloc(0), [])

  /** The fields in wire format, without the length that precedes them. */
  readonly bytes: Buffer
  private decoded: Decoded | WeakRef<Decoded>

  private constructor(bytes: Buffer, entries: readonly FieldEntry[]) {
    this.bytes = bytes
    const decoded = { entries, byName: undefined }
    this.decoded = bytes.length > KEPT_DECODED_BYTES_MAX ? new WeakRef(decoded) : decoded
  }

  private get fields(): Decoded {
    const { decoded, bytes } = this
    if (!(decoded instanceof WeakRef)) return decoded
    const kept = decoded.deref()
    if (kept !== undefined) return kept
    const again = decodedAgain(bytes)
    this.decoded = new WeakRef(again)
    return again
  }

  get entries(): readonly FieldEntry[] {
    return this.fields.entries
  }

  /**
   * Decodes a table. The buffer must not be changed afterwards.
   * @param depthMax maximum nesting of tables and arrays
   * @throws AmqpError 501 if `bytes` is not a valid table
   */
  static decode(bytes: Buffer, depthMax = TABLE_DEPTH_MAX): FieldTable {
    return bytes.length === 0 ? FieldTable.empty : FieldTable.read(new ValueReader(bytes, 0, depthMax), bytes)
  }

  /** Used by the reader of the surrounding table. */
  static read(r: ValueReader, bytes: Buffer): FieldTable {
    return new FieldTable(bytes, r.entries())
  }

  /**
   * Encodes a table.
   * @throws EncodeError for values that cannot be encoded or are nested deeper than TABLE_DEPTH_MAX
   */
  static from(plain: { [name: string]: PlainValue }, depth = 0): FieldTable {
    return FieldTable.of(Object.entries(plain).map(([name, v]) => fieldEntry(name, toField(v, depth))))
  }

  static of(entries: readonly FieldEntry[]): FieldTable {
    if (entries.length === 0) return FieldTable.empty
    return new FieldTable(Buffer.concat(entries.map((e) => e.bytes)), entries)
  }

  /** A table of the other fields, in the same order. */
  without(...names: readonly string[]): FieldTable {
    return FieldTable.of(this.entries.filter((e) => !names.includes(e.name)))
  }

  /** The first field of that name: duplicates are kept, but only the first one is used. */
  get(name: string): FieldValue | undefined {
    const { fields } = this
    const { entries } = fields
    if (entries.length > SEARCHED_FIELDS_MAX) {
      // Reversed, so that the first field of a name is the last one set, and thus kept.
      fields.byName ??= new Map(entries.toReversed().map((e) => [e.name, e.value]))
      return fields.byName.get(name)
    }
    for (const e of entries) if (e.name === name) return e.value
    return undefined
  }

  /** The value of a string field; undefined if it is absent or of another type. */
  text(name: string): string | undefined {
    const v = this.get(name)
    return v?.type === 'S' ? octetText(v.value) : undefined
  }

  /** The value of an integer field of any width; undefined if it is absent or of another type. */
  integer(name: string): number | undefined {
    const v = this.get(name)
    return v === undefined ? undefined : integerOf(v)
  }

  /** Nesting of tables and arrays: 0 if no field contains any. */
  get depth(): number {
    return depthOf(this.entries.map((e) => e.value))
  }

  /**
   * Converts to an object for display: octets that are not UTF-8 are lost. The object has no prototype, so that any
   * name is possible.
   */
  toPlain(): { [name: string]: PlainValue } {
    const out: { [name: string]: PlainValue } = Object.create(null)
    for (const e of this.entries) if (!(e.name in out)) out[e.name] = toPlain(e.value)
    return out
  }
}

/** The value of an integer of any width; undefined for other types. */
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

/**
 * Compares arguments as RabbitMQ does: integers of all widths are one class, floating-point numbers another; values of
 * any other type are equal only to values of the same type.
 */
export function fieldsEqual(a: FieldValue | undefined, b: FieldValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  const x = integerOf(a)
  if (x !== undefined) return x === integerOf(b)
  if (a.type === 'f' || a.type === 'd') return (b.type === 'f' || b.type === 'd') && a.value === b.value
  if (a.type === 'A' && b.type === 'A')
    return a.value.length === b.value.length && a.value.every((v, i) => fieldsEqual(v, b.value[i]))
  return a.type === b.type && encodeField(a).equals(encodeField(b))
}

function depthOf(values: readonly FieldValue[]): number {
  let depth = 0
  for (const v of values)
    if (v.type === 'F') depth = Math.max(depth, 1 + v.value.depth)
    else if (v.type === 'A') depth = Math.max(depth, 1 + depthOf(v.value))
  return depth
}

/** @throws RangeError for a name or value that cannot be encoded */
export function fieldEntry(name: string, value: FieldValue): FieldEntry {
  const n = shortString(name)
  return { name, value, bytes: Buffer.concat([Buffer.from([n.length]), n, encodeField(value)]) }
}

/**
 * @param depth number of tables and arrays around the value
 * @throws EncodeError for values that cannot be encoded
 */
export function toField(v: PlainValue, depth = 0): FieldValue {
  if (depth > TABLE_DEPTH_MAX) throw new EncodeError(`nested deeper than ${TABLE_DEPTH_MAX}`)
  if (v === null) return { type: 'V', value: undefined }
  if (typeof v === 'string') return { type: 'S', value: textOctets(v) }
  if (typeof v === 'boolean') return { type: 't', value: v }
  if (typeof v === 'bigint') return { type: 'l', value: v }
  if (typeof v === 'number') {
    if (!Number.isSafeInteger(v)) return { type: 'd', value: v }
    return v === (v | 0) ? { type: 'I', value: v | 0 } : { type: 'l', value: BigInt(v) }
  }
  if (Buffer.isBuffer(v)) return { type: 'x', value: v }
  if (v instanceof Date) return { type: 'T', value: BigInt(Math.floor(v.getTime() / 1000)) }
  if (v instanceof FieldTable) return { type: 'F', value: v }
  if (Array.isArray(v)) return { type: 'A', value: v.map((e) => toField(e, depth + 1)) }
  return { type: 'F', value: FieldTable.from(v, depth + 1) }
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
  private readonly depthMax: number
  private at = 0

  constructor(b: Buffer, depth: number, depthMax: number) {
    if (depth > depthMax) throw frameError(`field table nested deeper than ${depthMax}`)
    this.b = b
    this.depth = depth
    this.depthMax = depthMax
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

  /** Reads the remaining entries. @throws AmqpError 501 if they are invalid */
  entries(): FieldEntry[] {
    const all: FieldEntry[] = []
    while (!this.done) all.push(this.entry())
    return all
  }

  private entry(): FieldEntry {
    const start = this.at
    const size = this.b[this.take(1)] as number
    const nameAt = this.take(size)
    const name = octetText(this.b, nameAt, nameAt + size)
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
        return { type: 'F', value: this.table() }
      case 'A':
        return { type: 'A', value: this.array() }
      case 't': {
        const octets = this.octets(1)
        const value = octets[0] !== 0
        return (octets[0] as number) > 1 ? { type: 't', value, octets } : { type: 't', value }
      }
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

  private octets(size: number): Buffer {
    const start = this.take(size)
    return this.b.subarray(start, start + size)
  }

  private table(): FieldTable {
    const bytes = this.sized()
    return FieldTable.read(new ValueReader(bytes, this.depth + 1, this.depthMax), bytes)
  }

  private array(): FieldValue[] {
    const r = new ValueReader(this.sized(), this.depth + 1, this.depthMax)
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
        return floating('f', this.octets(4))
      case 'd':
        return floating('d', this.octets(8))
      default:
        throw frameError(`unknown field type ${JSON.stringify(letter)}`)
    }
  }
}

function floating(type: 'f' | 'd', octets: Buffer): FieldValue {
  const value = type === 'f' ? octets.readFloatBE() : octets.readDoubleBE()
  return Number.isNaN(value) ? { type, value, octets } : { type, value }
}
