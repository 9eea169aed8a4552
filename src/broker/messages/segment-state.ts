/**
 * The stored state of a segment (little-endian): base f64, number of messages u32, number of live messages u32, octets
 * of the live bodies f64, octets of the entries u32, the earliest time of an entry in seconds since 1970 u32 (0 = no
 * entry has one); then two bits per message, four messages per octet: 1 = settled or never written, 2 = delivered
 * before; then pairs of u16, the index of a message and how often it was requeued; then sections: a mark u16, the
 * number of items u16, and the items.
 */
import { CONTENT_BYTES_AHEAD, CONTENT_BYTES_MAX } from '../../limits.ts'
import { DeliveryCounts } from './delivery-counts.ts'
import { BIT_DELIVERED, BIT_SETTLED, SEGMENT_MESSAGES_MAX, Segment, STATE_SETTLED } from './segment.ts'

const FIXED_BYTES = 32
const PAIR_BYTES = 4
/** Octets of a segment that holds the largest message. */
const USED_MAX = CONTENT_BYTES_MAX + CONTENT_BYTES_AHEAD
/** An octet with four settled messages. */
const ALL_SETTLED = BIT_SETTLED * 0x55

/**
 * Section of messages that wait for their delayed retry, until when: index u16, ms since 1970 u48. A mark is no valid
 * index.
 */
const WAITS_MARK = 0xffff
const WAIT_BYTES = 8
/** Section of arrival times: index u16, second since 1970 u32. */
const ARRIVALS_MARK = 0xfffe
const ARRIVAL_BYTES = 6

/** Whether the message must be on disk: it is persistent and not settled. */
export function needsWriting(segment: Segment, index: number): boolean {
  return segment.state(index) !== STATE_SETTLED && segment.isPersistent(index)
}

/** Size of the packed states, in octets. */
function packedBytes(count: number): number {
  return (count + 3) >> 2
}

export function encodeState(segment: Segment): Uint8Array {
  const { count } = segment
  const tailAt = FIXED_BYTES + packedBytes(count)
  const out = Buffer.allocUnsafe(tailAt + tailBytes(segment))
  encodeTail(segment, out, tailAt)
  // Four messages per octet. All messages at the front are usually settled.
  const first = segment.settledFront() & ~3
  const firstAt = FIXED_BYTES + (first >> 2)
  out.fill(ALL_SETTLED, FIXED_BYTES, firstAt)
  out.fill(0, firstAt, tailAt)
  let live = 0
  let bytes = 0
  for (let i = first; i < count; i++) {
    let bits = 0
    if (!needsWriting(segment, i)) bits = BIT_SETTLED
    else {
      live++
      bytes += segment.bodySize(i)
      if (segment.wasDelivered(i)) bits = BIT_DELIVERED
    }
    if (bits !== 0)
      out[FIXED_BYTES + (i >> 2)] = (out[FIXED_BYTES + (i >> 2)] as number) | (bits << ((i & 3) * 2))
  }
  out.writeDoubleLE(segment.base, 0)
  out.writeUInt32LE(count, 8)
  out.writeUInt32LE(live, 12)
  out.writeDoubleLE(bytes, 16)
  out.writeUInt32LE(segment.used, 24)
  out.writeUInt32LE(Math.floor(segment.earliest / 1000), 28)
  return out
}

function tailBytes({ deliveryCounts: counts, arrivals }: Segment): number {
  const waits = counts?.waits.size ?? 0
  return (
    (counts?.size ?? 0) * PAIR_BYTES +
    (waits === 0 ? 0 : PAIR_BYTES + waits * WAIT_BYTES) +
    (arrivals.pairs.length === 0 ? 0 : PAIR_BYTES + (arrivals.pairs.length / 2) * ARRIVAL_BYTES)
  )
}

function encodeTail(segment: Segment, out: Buffer, start: number): void {
  const counts = segment.deliveryCounts
  const { pairs } = segment.arrivals
  const waits = counts?.waits.size ?? 0
  let at = start
  counts?.each((index, count) => {
    at = putU16(out, count, putU16(out, index, at))
  })
  if (waits > 0) at = encodeSection(out, at, WAITS_MARK, waits)
  counts?.waits.each((index, until) => {
    const high = Math.floor(until / 2 ** 32)
    at = putU16(out, index, at)
    at = putU16(out, until - high * 2 ** 32, at)
    at = putU16(out, (until - high * 2 ** 32) / 2 ** 16, at)
    at = putU16(out, high, at)
  })
  if (pairs.length > 0) at = encodeSection(out, at, ARRIVALS_MARK, pairs.length / 2)
  for (let i = 0; i < pairs.length; i += 2) {
    at = out.writeUInt16LE(pairs[i] as number, at)
    at = out.writeUInt32LE(pairs[i + 1] as number, at)
  }
}

/** Ten times as fast as Buffer's methods: a batch may have millions of counts. */
function putU16(out: Uint8Array, value: number, at: number): number {
  out[at] = value
  out[at + 1] = value >>> 8
  return at + 2
}

function encodeSection(out: Buffer, at: number, mark: number, items: number): number {
  return out.writeUInt16LE(items, out.writeUInt16LE(mark, at))
}

/**
 * Decodes a state. Returns a segment that is not loaded, and the octets of its live bodies.
 * @throws RangeError if `state` is not a valid state
 */
export function decodeState(number: number, state: Uint8Array): { segment: Segment; liveBytes: number } {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength)
  const segment = new Segment(number, view.getFloat64(0, true), undefined)
  segment.count = view.getUint32(8, true)
  segment.live = view.getUint32(12, true)
  segment.persistent = segment.live
  segment.used = view.getUint32(24, true)
  segment.earliest = view.getUint32(28, true) * 1000
  segment.restored()
  const tailAt = FIXED_BYTES + packedBytes(segment.count)
  const { base, count, live } = segment
  const liveBytes = view.getFloat64(16, true)
  if (
    !Number.isSafeInteger(base) ||
    base < 0 ||
    count > SEGMENT_MESSAGES_MAX ||
    live > count ||
    tailAt > state.length ||
    segment.used > USED_MAX ||
    !Number.isSafeInteger(liveBytes) ||
    liveBytes < 0
  )
    throw notValid()
  const packed = state.subarray(FIXED_BYTES, tailAt)
  if (live !== count - settledIn(packed, count)) throw notValid()
  segment.packedStates = keptStates(packed)
  decodeTail(segment, Buffer.from(state.buffer, state.byteOffset + tailAt, state.byteLength - tailAt))
  return { segment, liveBytes }
}

/** The same state with all messages marked as delivered before; undefined if they are. */
export function allDelivered(state: Uint8Array): Uint8Array | undefined {
  const marked = new Uint8Array(state)
  const count = new DataView(state.buffer, state.byteOffset, state.byteLength).getUint32(8, true)
  let changed = false
  for (let i = 0; i < packedBytes(count); i++) {
    const at = FIXED_BYTES + i
    const before = marked[at] as number
    const there = Math.min(4, count - 4 * i)
    const unsettled = ~before & ALL_SETTLED & ((1 << (2 * there)) - 1)
    marked[at] = before | (unsettled << 1)
    changed ||= marked[at] !== before
  }
  return changed ? marked : undefined
}

function notValid(): RangeError {
  return new RangeError('not a valid segment state')
}

/** @throws RangeError for the index of a message that the segment does not have */
function within(segment: Segment, index: number): number {
  if (index >= segment.count) throw notValid()
  return index
}

function decodeTail(segment: Segment, b: Buffer): void {
  let at = 0
  const counts = new DeliveryCounts()
  for (; at + PAIR_BYTES <= b.length && b.readUInt16LE(at) < ARRIVALS_MARK; at += PAIR_BYTES)
    counts.set(within(segment, b.readUInt16LE(at)), b.readUInt16LE(at + 2))
  while (at + PAIR_BYTES <= b.length) {
    const mark = b.readUInt16LE(at)
    const items = b.readUInt16LE(at + 2)
    at += PAIR_BYTES
    for (let i = 0; i < items; i++) {
      const index = b.readUInt16LE(at)
      if (mark === WAITS_MARK) counts.waits.set(within(segment, index), b.readUIntLE(at + 2, WAIT_BYTES - 2))
      // The last entry may be for a message that did not fit into the segment. No entry is worth rejecting the segment.
      else if (index < segment.count) segment.arrivals.note(index, b.readUInt32LE(at + 2))
      at += mark === WAITS_MARK ? WAIT_BYTES : ARRIVAL_BYTES
    }
  }
  if (counts.size > 0 || counts.waits.size > 0) segment.deliveryCounts = counts
}

/** Number of settled messages. */
function settledIn(packed: Uint8Array, count: number): number {
  let settled = 0
  for (let i = 0; i < packed.length; i++) {
    const left = count - 4 * i
    let bits = (packed[i] as number) & ALL_SETTLED
    if (left < 4) bits &= (1 << (2 * left)) - 1
    for (; bits !== 0; bits &= bits - 1) settled++
  }
  return settled
}

/** A copy, or undefined if all messages are ready and undelivered. */
function keptStates(packed: Uint8Array): Uint8Array | undefined {
  return packed.every((b) => b === 0) ? undefined : new Uint8Array(packed)
}
