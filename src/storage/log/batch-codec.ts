/**
 * A batch of writes in octets, the same for every commit log (little-endian): version u8, three octets 0, total length
 * u32, epoch u32, number f64, number of writes u32; the writes, each beginning at a multiple of four; CRC-32C of
 * everything before it u32. A write is a word (operation u8, 0, length of the key in UTF-8 u16), followed by key, value
 * and numbers as the operation requires; values are preceded by their length u32.
 */
import type { StorageWrite } from '../storage.ts'
import { isSealed, seal, sealInPieces } from './commit-log.ts'

const VERSION = 1
const HEAD_BYTES = 24
const SEAL_BYTES = 4
const KEY_BYTES_MAX = 0xffff
/** Octets that are encoded, or summed up, in one turn of the event loop, of longer batches. */
const PIECE_BYTES = 8 * 1024 * 1024

const OPS = [
  'put',
  'delete',
  'record',
  'segment',
  'drop-record',
  'drop-segment',
  'drop-log',
  'drop-logs',
  'clear-segment',
] as const satisfies readonly StorageWrite['op'][]
const codes = new Map<StorageWrite['op'], number>(OPS.map((op, i) => [op, i + 1]))

export interface Batch {
  /** Epoch of the writer; 0 if there is only one writer. */
  readonly epoch: number
  readonly number: number
  readonly writes: StorageWrite[]
}

/** Memory into which batches are encoded, one at a time; memory that only a large batch needed is not kept. */
export class BatchEncoder {
  private memory = Buffer.allocUnsafeSlow(64 * 1024)
  private readonly keptMax: number

  /** @param keptMax maximum octets of memory kept for the next batch */
  constructor(keptMax = 1024 * 1024) {
    this.keptMax = keptMax
  }

  /** The octets, of which there are `length`, are valid until the next call. @throws RangeError for a key longer than 65,535 octets */
  encode(
    epoch: number,
    number: number,
    writes: readonly StorageWrite[],
    length = batchBytes(writes),
  ): Buffer {
    const out = this.begin(epoch, number, writes, length)
    let at = HEAD_BYTES
    for (const w of writes) at = encodeWrite(out, at, w)
    seal(out)
    return out
  }

  /**
   * The same, but of a long batch so much at a time: a transaction may have half a gibioctet. What the writes refer to
   * must not change meanwhile.
   * @param rest lets others have their turn
   */
  encodeInPieces(
    epoch: number,
    number: number,
    writes: readonly StorageWrite[],
    rest: () => Promise<void>,
  ): Buffer | Promise<Buffer> {
    const length = batchBytes(writes)
    if (length <= PIECE_BYTES) return this.encode(epoch, number, writes, length)
    return inPieces(this.begin(epoch, number, writes, length), writes, rest)
  }

  private begin(epoch: number, number: number, writes: readonly StorageWrite[], length: number): Buffer {
    const out = this.room(length)
    out.writeUInt32LE(VERSION, 0)
    out.writeUInt32LE(length, 4)
    out.writeUInt32LE(epoch, 8)
    out.writeDoubleLE(number, 12)
    out.writeUInt32LE(writes.length, 20)
    return out
  }

  private room(length: number): Buffer {
    if (length > this.keptMax) return Buffer.allocUnsafeSlow(length)
    if (length > this.memory.length)
      this.memory = Buffer.allocUnsafeSlow(Math.min(this.keptMax, 2 ** Math.ceil(Math.log2(length))))
    return this.memory.subarray(0, length)
  }
}

function batchBytes(writes: readonly StorageWrite[]): number {
  let length = HEAD_BYTES + SEAL_BYTES
  for (const w of writes) length += writeBytes(w)
  return length
}

async function inPieces(
  out: Buffer,
  writes: readonly StorageWrite[],
  rest: () => Promise<void>,
): Promise<Buffer> {
  let at = HEAD_BYTES
  let until = PIECE_BYTES
  for (const w of writes) {
    at = encodeWrite(out, at, w)
    if (at < until) continue
    until = at + PIECE_BYTES
    await rest()
  }
  await sealInPieces(out, PIECE_BYTES, rest)
  return out
}

/** Without bitwise operators, since a length in a damaged batch may exceed 31 bits. */
function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4
}

function keyBytes(key: string): number {
  const bytes = Buffer.byteLength(key)
  if (bytes > KEY_BYTES_MAX) throw new RangeError(`a key of ${bytes} octets`)
  return padded(bytes)
}

/** Octets of a write: a word, and the fields of the operation. */
function writeBytes(w: StorageWrite): number {
  switch (w.op) {
    case 'put':
      return 8 + keyBytes(w.key) + padded(w.value.length)
    case 'delete':
      return 4 + keyBytes(w.key)
    case 'record':
      return 20 + padded(w.bytes.length)
    case 'segment':
      return 16 + padded(w.state.length)
    case 'drop-record':
      return 16
    case 'drop-segment':
    case 'clear-segment':
      return 12
    case 'drop-log':
    case 'drop-logs':
      return 8
    default:
      return unknown(w)
  }
}

function encodeWrite(out: Buffer, start: number, w: StorageWrite): number {
  let at = out.writeUInt32LE(codes.get(w.op) as number, start)
  switch (w.op) {
    case 'put':
      at = encodeKey(out, at, w.key)
      return encodeBytes(out, at, w.value)
    case 'delete':
      return encodeKey(out, at, w.key)
    case 'record':
      at = encodeNumbers(out, at, w.log, w.segment, w.index)
      return encodeBytes(out, at, w.bytes)
    case 'segment':
      at = encodeNumbers(out, at, w.log, w.segment)
      return encodeBytes(out, at, w.state)
    case 'drop-record':
      return encodeNumbers(out, at, w.log, w.segment, w.index)
    case 'drop-segment':
    case 'clear-segment':
      return encodeNumbers(out, at, w.log, w.segment)
    case 'drop-log':
      return encodeNumbers(out, at, w.log)
    case 'drop-logs':
      return encodeNumbers(out, at, w.from)
    default:
      return unknown(w)
  }
}

function encodeNumbers(out: Buffer, start: number, a: number, b?: number, c?: number): number {
  let at = out.writeUInt32LE(a, start)
  if (b !== undefined) at = out.writeUInt32LE(b, at)
  if (c !== undefined) at = out.writeUInt32LE(c, at)
  return at
}

/** Writes the key, and its length into the preceding word. */
function encodeKey(out: Buffer, at: number, key: string): number {
  const length = out.write(key, at)
  out.writeUInt16LE(length, at - 2)
  pad(out, at + length, at + padded(length))
  return at + padded(length)
}

function encodeBytes(out: Buffer, start: number, bytes: Uint8Array): number {
  const at = out.writeUInt32LE(bytes.length, start)
  out.set(bytes, at)
  const end = at + bytes.length
  pad(out, end, at + padded(bytes.length))
  return at + padded(bytes.length)
}

/** At most three octets, for which `fill` takes longer. */
function pad(out: Buffer, from: number, to: number): void {
  for (let i = from; i < to; i++) out[i] = 0
}

function unknown(w: never): never {
  throw new TypeError(`unknown write ${JSON.stringify(w)}`)
}

/** Describes why a batch cannot be read. */
export class BatchError extends Error {
  override readonly name = 'BatchError'
  /** Whether a newer release has written it. */
  readonly isNewer: boolean

  constructor(message: string, isNewer = false) {
    super(message)
    this.isNewer = isNewer
  }
}

/** Values are views of the octets. @throws BatchError unless it is exactly a batch as encoded by `encode` */
export function decodeBatch(bytes: Uint8Array): Batch {
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (b.length < HEAD_BYTES + SEAL_BYTES) throw new BatchError('it is too short')
  const version = b.readUInt32LE(0)
  if (version !== VERSION && isSealed(b))
    throw new BatchError(
      `it is of a newer release: its version is ${version & 0xff}; this release reads ${VERSION}`,
      true,
    )
  if (b.readUInt32LE(4) !== b.length) throw new BatchError('its length is wrong')
  if (!isSealed(b)) throw new BatchError('its checksum is wrong')
  const r = new Reader(b, HEAD_BYTES, b.length - SEAL_BYTES)
  const writes: StorageWrite[] = []
  for (let n = b.readUInt32LE(20); n > 0; n--) writes.push(decodeWrite(r))
  if (r.left > 0) throw new BatchError('something stands behind its writes')
  return { epoch: b.readUInt32LE(8), number: b.readDoubleLE(12), writes }
}

class Reader {
  private readonly b: Buffer
  private at: number
  private readonly end: number

  constructor(b: Buffer, at: number, end: number) {
    this.b = b
    this.at = at
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  private take(bytes: number): number {
    const at = this.at
    if (at + bytes > this.end) throw new BatchError('a write is cut short')
    this.at = at + bytes
    return at
  }

  number(): number {
    return this.b.readUInt32LE(this.take(4))
  }

  key(length: number): string {
    const at = this.take(padded(length))
    return this.b.toString('utf8', at, at + length)
  }

  bytes(): Uint8Array {
    const length = this.number()
    const at = this.take(padded(length))
    return new Uint8Array(this.b.buffer, this.b.byteOffset + at, length)
  }
}

function decodeWrite(r: Reader): StorageWrite {
  const word = r.number()
  const op = OPS[(word & 0xffff) - 1]
  switch (op) {
    case 'put':
      return { op, key: r.key(word >>> 16), value: r.bytes() }
    case 'delete':
      return { op, key: r.key(word >>> 16) }
    case 'record':
      return { op, log: r.number(), segment: r.number(), index: r.number(), bytes: r.bytes() }
    case 'segment':
      return { op, log: r.number(), segment: r.number(), state: r.bytes() }
    case 'drop-record':
      return { op, log: r.number(), segment: r.number(), index: r.number() }
    case 'drop-segment':
    case 'clear-segment':
      return { op, log: r.number(), segment: r.number() }
    case 'drop-log':
      return { op, log: r.number() }
    case 'drop-logs':
      return { op, from: r.number() }
    case undefined:
      throw new BatchError(`there is no operation ${word & 0xffff}`)
    default:
      return unknown(op)
  }
}
