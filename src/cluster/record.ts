/**
 * The records of the shared log (little-endian): version u8, kind u8, part u16, number of parts u16, u16 0, epoch f64,
 * number f64, payload, CRC-32C of everything before it u32. All nodes that read the log from the same place come to the
 * same result.
 */
import { isSealed, seal } from '../storage/log/commit-log.ts'

const VERSION = 1
const HEAD_BYTES = 24
const SEAL_BYTES = 4
const PARTS_MAX = 0xffff

/** Maximum octets of a batch in one record; a larger batch is split. */
export const PART_BYTES_MAX = 512 * 1024

const KINDS = ['batch', 'own', 'beat'] as const

export interface BatchRecord {
  readonly kind: 'batch'
  /** The epoch under which it is written. */
  readonly epoch: number
  /** Number of the batch, one more than that of the previous batch. */
  readonly number: number
  readonly part: number
  readonly parts: number
  readonly payload: Uint8Array
}

/** Makes a node the active one from here on. */
export interface OwnRecord {
  readonly kind: 'own'
  /** The epoch that it ends; 0 = there was none. */
  readonly epoch: number
  /** Number of batches in the store of that node; counts if this record begins the log. */
  readonly number: number
  readonly node: string
  /** Run of that node: changes with a restart, after which the node has to take over again. */
  readonly run: string
  /** The node that appended it: the new owner itself, or the active node that hands over. */
  readonly by: string
}

/** Proves, to other nodes and to itself, that the active node is active. */
export interface BeatRecord {
  readonly kind: 'beat'
  readonly epoch: number
  /** Number of the beat. */
  readonly number: number
}

export type LogEntry = BatchRecord | OwnRecord | BeatRecord

/** Describes why a record cannot be read. */
export class RecordError extends Error {
  override readonly name = 'RecordError'
  /** Whether a newer release has written it. */
  readonly isNewer: boolean

  constructor(message: string, isNewer = false) {
    super(message)
    this.isNewer = isNewer
  }
}

function frame(
  kind: number,
  epoch: number,
  number: number,
  payload: Uint8Array,
  part = 0,
  parts = 1,
): Buffer {
  const b = Buffer.allocUnsafe(HEAD_BYTES + payload.length + SEAL_BYTES)
  b.writeUInt8(VERSION, 0)
  b.writeUInt8(kind, 1)
  b.writeUInt16LE(part, 2)
  b.writeUInt16LE(parts, 4)
  b.writeUInt16LE(0, 6)
  b.writeDoubleLE(epoch, 8)
  b.writeDoubleLE(number, 16)
  b.set(payload, HEAD_BYTES)
  seal(b)
  return b
}

/**
 * Encodes the batch into as many records as it needs, with octets of their own. @throws RangeError for more than 32 GiB
 */
export function encodeBatch(epoch: number, number: number, bytes: Uint8Array): Buffer[] {
  const parts = Math.max(1, Math.ceil(bytes.length / PART_BYTES_MAX))
  if (parts > PARTS_MAX) throw new RangeError(`a batch of ${bytes.length} octets`)
  return Array.from({ length: parts }, (_, i) =>
    frame(0, epoch, number, bytes.subarray(i * PART_BYTES_MAX, (i + 1) * PART_BYTES_MAX), i, parts),
  )
}

export function encodeOwn({ epoch, number, node, run, by }: Omit<OwnRecord, 'kind'>): Buffer {
  return frame(1, epoch, number, Buffer.from(JSON.stringify({ node, run, by })))
}

export function encodeBeat(epoch: number, number: number): Buffer {
  return frame(2, epoch, number, Buffer.alloc(0))
}

/** @throws RecordError */
function ownerIn(payload: Buffer): Pick<OwnRecord, 'node' | 'run' | 'by'> {
  let read: unknown
  try {
    read = JSON.parse(payload.toString())
  } catch {
    throw new RecordError('it names no node')
  }
  const { node, run, by } = (read ?? {}) as { [name: string]: unknown }
  if (typeof node !== 'string' || typeof run !== 'string' || typeof by !== 'string')
    throw new RecordError('it names no node')
  return { node, run, by }
}

/** The payload is a view of the octets. @throws RecordError */
export function decodeRecord(bytes: Uint8Array): LogEntry {
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (b.length < HEAD_BYTES + SEAL_BYTES) throw new RecordError('it is too short')
  if (!isSealed(b)) throw new RecordError('its checksum is wrong')
  const kind = KINDS[b.readUInt8(1)]
  if (b.readUInt8(0) !== VERSION || kind === undefined)
    throw new RecordError(
      `it is of a newer release: its version is ${b.readUInt8(0)}, its kind ${b.readUInt8(1)}`,
      true,
    )
  const epoch = b.readDoubleLE(8)
  const number = b.readDoubleLE(16)
  const payload = b.subarray(HEAD_BYTES, b.length - SEAL_BYTES)
  switch (kind) {
    case 'batch':
      return { kind, epoch, number, part: b.readUInt16LE(2), parts: b.readUInt16LE(4), payload }
    case 'own':
      return { kind, epoch, number, ...ownerIn(payload) }
    case 'beat':
      return { kind, epoch, number }
    default: {
      const never: never = kind
      throw new RecordError(`unknown kind ${never}`)
    }
  }
}
