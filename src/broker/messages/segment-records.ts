/** Reads the messages of a segment back into memory. */
import type { Storage } from '../../storage/storage.ts'
import { isWholeEntry } from '../message.ts'
import { type Segment, STATE_READY, unpackStates } from './segment.ts'

/** Stands in `offsets` for an entry that is missing. */
const MISSING = 0xffff_ffff

/** Provides memory for segments. */
export interface SegmentRoom {
  /** Returns memory of at least that many octets. */
  room(bytes: number): Uint8Array
  unused(memory: Uint8Array): void
}

/**
 * Reads the entries of a segment from a log into memory provided by `memory`. If the store fails, the segment is
 * unchanged.
 * @returns the indexes of ready messages that the store has lost, which count as settled from now on
 */
export function loadSegment(storage: Storage, log: number, segment: Segment, memory: SegmentRoom): number[] {
  const room = memory.room((segment.used + 3) & ~3)
  try {
    segment.load(room)
    readInto(storage, log, segment, room)
  } catch (error) {
    segment.unloaded()
    memory.unused(room)
    throw error
  }
  segment.states = unpackStates(segment.packedStates, segment.count)
  segment.packedStates = undefined
  return settleLost(segment)
}

/** Reads the records. Incomplete entries count as lost, like a record whose checksum is wrong. */
function readInto(storage: Storage, log: number, segment: Segment, room: Uint8Array): void {
  segment.offsets = new Uint32Array(Math.max(1, segment.count)).fill(MISSING)
  let at = 0
  for (const { index, bytes } of storage.records(log, segment.number)) {
    const end = at + bytes.length
    if (end > room.length) continue
    room.set(bytes, at)
    for (let i = index; at < end && i < segment.count && isWholeEntry(segment.octets, at, end); i++) {
      segment.offsets[i] = at
      at = (at + (segment.words[at >> 2] as number) + 3) & ~3
    }
  }
  segment.used = at
}

/**
 * Settles ready messages without an entry, and returns their indexes. Other messages without an entry were settled
 * before they would have been written.
 */
function settleLost(segment: Segment): number[] {
  const lost: number[] = []
  for (let i = 0; i < segment.count; i++) {
    if (segment.offsets[i] !== MISSING) continue
    segment.offsets[i] = 0
    if (segment.state(i) !== STATE_READY) continue
    segment.settle(i)
    lost.push(i)
  }
  return lost
}
