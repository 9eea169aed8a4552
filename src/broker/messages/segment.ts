// hot: per message
/**
 * A run of consecutive messages of one queue: a buffer of entries (see message.ts), with typed arrays beside it. A
 * message is identified by (segment, index); its sequence number in the queue is `base + index`. Deals with octets and
 * states, not with consumers.
 */
import { EXPIRED_PER_LOOK } from '../../limits.ts'
import { copyOctets, noOctets, Octets } from '../../util/copy.ts'
import { checksDear, invariant } from '../../util/invariant.ts'
import { TimeMarks } from '../../util/time-marks.ts'
import {
  type Content,
  ENTRY_HEADER_BYTES,
  ENTRY_TIME_BYTES,
  FLAG_DIED,
  FLAG_PERSISTENT,
  FLAG_TIMED,
  type InboundMessage,
  type MessageNames,
  readContent,
  readNames,
} from '../message.ts'
import type { DeliveryCounts } from './delivery-counts.ts'
import type { Browsed } from './order.ts'
import { SegmentLifecycle } from './segment-lifecycle.ts'

export const SEGMENT_BYTES = 256 * 1024
export const SEGMENT_BYTES_FIRST = 4 * 1024
/** Limits the typed arrays of segments with tiny messages. */
export const SEGMENT_MESSAGES_MAX = 8192
const INITIAL_CAPACITY = 32

export const STATE_READY = 0
export const STATE_UNACKED = 1
export const STATE_SETTLED = 2
/** Flag in addition to the state: the message was delivered at least once. */
export const STATE_DELIVERED = 4
const STATE_MASK = 3

const noWords = new Int32Array(0)
const noOffsets = new Uint32Array(0)
const noStates = new Uint8Array(0)

/** Packed states have two bits per message. */
export const BIT_SETTLED = 1
export const BIT_DELIVERED = 2
/** Only in memory; on disk such a message is ready. */
const BITS_UNACKED = 3

/** Packs the states; undefined if all messages are ready and undelivered, as in the middle of most queues. */
function packStates(s: Segment): Uint8Array | undefined {
  let plain = true
  for (let i = 0; i < s.count && plain; i++) plain = s.states[i] === STATE_READY
  if (plain) return undefined
  const packed = new Uint8Array((s.count + 3) >> 2)
  for (let i = 0; i < s.count; i++) {
    const state = s.state(i)
    let bits = s.wasDelivered(i) ? BIT_DELIVERED : 0
    if (state === STATE_SETTLED) bits = BIT_SETTLED
    else if (state === STATE_UNACKED) bits = BITS_UNACKED
    packed[i >> 2] = (packed[i >> 2] as number) | (bits << ((i & 3) * 2))
  }
  return packed
}

export function unpackStates(packed: Uint8Array | undefined, count: number): Uint8Array {
  const states = new Uint8Array(Math.max(1, count))
  if (packed === undefined) return states
  for (let i = 0; i < count; i++) {
    const bits = ((packed[i >> 2] as number) >> ((i & 3) * 2)) & 3
    if (bits === BITS_UNACKED) states[i] = STATE_UNACKED | STATE_DELIVERED
    else if (bits & BIT_SETTLED) states[i] = STATE_SETTLED
    else if (bits & BIT_DELIVERED) states[i] = STATE_READY | STATE_DELIVERED
  }
  return states
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length >> 2)
}

export class Segment extends SegmentLifecycle {
  /** Number of the segment in its queue, from 1; also its key on disk. */
  readonly number: number
  /** Sequence number of the message at index 0. */
  base: number
  /** The entries; undefined while the segment is only on disk. */
  bytes: Uint8Array | undefined
  /** The same memory as little-endian words: entries begin at multiples of four. */
  words: Int32Array
  /** The same memory in the form that `copyOctets` needs. */
  octets = noOctets
  used = 0
  count = 0
  /** Number of messages that are not settled. */
  live = 0
  /** Number of persistent messages, including settled ones; if 0, the log skips the segment. */
  persistent = 0
  /** Offset of each entry. */
  offsets: Uint32Array
  states: Uint8Array
  /** The packed states of a segment that is not loaded. */
  packedStates: Uint8Array | undefined
  /** Whether the pager counts the segment among the evictable ones. */
  mayLeave = false
  /** The segment uses the memory of one message, which a socket may be sending. */
  adopted = false
  /** How often messages were requeued, in queues that count it. */
  deliveryCounts: DeliveryCounts | undefined
  /** When the messages arrived. */
  readonly arrivals = new TimeMarks()
  /** Number of parts of the segment that sockets are still sending. */
  pins = 0
  /** Number of messages at the front known to be settled. */
  private front = 0
  /** The earliest time of an entry (see message.ts), in ms since 1970; 0 = no entry has one. */
  earliest = 0
  /** Called when the last pin is removed, which means that the memory can be reused. */
  unpinned: (() => void) | undefined

  /**
   * @param memory for the entries; its length and its offset in its buffer are multiples of four. undefined = the
   *   messages are only on disk
   */
  constructor(number: number, base: number, memory: Uint8Array | undefined) {
    super()
    this.number = number
    this.base = base
    if (memory === undefined) {
      this.words = noWords
      this.offsets = noOffsets
      this.states = noStates
      return
    }
    this.bytes = memory
    this.words = wordsOf(memory)
    this.octets = new Octets(memory)
    this.offsets = new Uint32Array(INITIAL_CAPACITY)
    this.states = new Uint8Array(INITIAL_CAPACITY)
  }

  /** Attaches memory. */
  load(memory: Uint8Array): void {
    this.bytes = memory
    this.words = wordsOf(memory)
    this.octets = new Octets(memory)
  }

  static entryBytes(m: InboundMessage, timed: boolean): number {
    return (
      ENTRY_HEADER_BYTES +
      (timed ? ENTRY_TIME_BYTES : 0) +
      (m.namesEnd - m.namesStart) +
      (m.contentEnd - m.contentStart)
    )
  }

  fits(entryBytes: number): boolean {
    return (
      !this.sealed &&
      this.count < SEGMENT_MESSAGES_MAX &&
      this.bytes !== undefined &&
      this.used + entryBytes <= this.bytes.length
    )
  }

  /** Appends a copy of the message, which must fit. `time` is the entry's time (see message.ts), 0 = none. */
  append(m: InboundMessage, entryBytes: number, time: number): void {
    const { octets, used: start } = this
    const namesAt = start + ENTRY_HEADER_BYTES + (time === 0 ? 0 : ENTRY_TIME_BYTES)
    const contentAt = namesAt + (m.namesEnd - m.namesStart)
    copyOctets(m.octets, m.namesStart, m.namesEnd, octets, namesAt)
    copyOctets(m.octets, m.contentStart, m.contentEnd, octets, contentAt)
    this.enter(m, start, entryBytes, contentAt - start, time)
  }

  /** Creates a sealed segment that takes over the memory of an adoptable message. */
  static adopt(number: number, base: number, m: InboundMessage, entryBytes: number, time: number): Segment {
    const segment = new Segment(number, base, new Uint8Array(m.source.buffer as ArrayBuffer))
    const start = m.namesStart - ENTRY_HEADER_BYTES - (time === 0 ? 0 : ENTRY_TIME_BYTES)
    segment.enter(m, start, entryBytes, m.contentStart - start, time)
    segment.seal()
    segment.adopted = true
    m.adoptable = false
    return segment
  }

  private enter(
    m: InboundMessage,
    start: number,
    entryBytes: number,
    contentOffset: number,
    time: number,
  ): void {
    const index = this.count
    if (index === this.offsets.length) this.grow()
    let flags = m.persistent ? FLAG_PERSISTENT : 0
    if (m.died) flags |= FLAG_DIED
    const word = start >> 2
    if (time !== 0) {
      flags |= FLAG_TIMED
      this.words[word + 3] = (time % 4294967296) | 0
      this.words[word + 4] = Math.floor(time / 4294967296)
      if (this.earliest === 0 || time < this.earliest) this.earliest = time
    }
    this.words[word] = entryBytes
    this.words[word + 1] = m.bodySize
    this.words[word + 2] = flags | (m.priority << 8) | (contentOffset << 16)
    this.offsets[index] = start
    this.states[index] = STATE_READY
    this.used = (start + entryBytes + 3) & ~3
    this.count = index + 1
    this.live++
    if (m.persistent) this.persistent++
  }

  private grow(): void {
    const capacity = this.offsets.length * 2
    const offsets = new Uint32Array(capacity)
    offsets.set(this.offsets)
    this.offsets = offsets
    const states = new Uint8Array(capacity)
    states.set(this.states)
    this.states = states
  }

  /** Detaches the memory; `loadSegment` reads the messages again. */
  unload(): void {
    invariant(this.gone || this.live === 0 || !this.dirty, 'the store has what leaves memory')
    if (!this.gone) this.packedStates = packStates(this)
    this.unloaded()
  }

  unloaded(): void {
    this.bytes = undefined
    this.words = noWords
    this.octets = noOctets
    this.offsets = noOffsets
    this.states = noStates
  }

  /** Empties the segment for reuse; only allowed if it has no live messages and is not on disk. */
  reset(base: number): void {
    this.startOver()
    this.base = base
    this.used = 0
    this.count = 0
    this.front = 0
    this.persistent = 0
    this.earliest = 0
    this.deliveryCounts = undefined
    this.arrivals.restart()
  }

  /** Called when a socket sends a part of the segment: the memory must not change until `unpin`. */
  pin(): void {
    this.pins++
  }

  unpin(): void {
    if (--this.pins > 0 || this.unpinned === undefined) return
    this.unpinned()
    this.unpinned = undefined
  }

  /** Removes the message for good. */
  settle(index: number): void {
    invariant(this.state(index) !== STATE_SETTLED, 'a message is settled once')
    this.states[index] = STATE_SETTLED
    this.live--
    this.deliveryCounts?.forget(index)
  }

  /** Removes all ready messages, whether requeued or not. Returns their number. */
  settleReady(): number {
    const { live } = this
    for (let i = 0; i < this.count; i++) if (this.state(i) === STATE_READY) this.settle(i)
    return live - this.live
  }

  /** Expensive check: the number of live messages matches the states. */
  check(): void {
    if (!checksDear || this.bytes === undefined) return
    let live = 0
    for (let i = 0; i < this.count; i++) if (this.state(i) !== STATE_SETTLED) live++
    invariant(live === this.live, `of a segment's messages ${live} are there, not ${this.live}`)
  }

  /** Number of messages at the front that are all settled; the segment must be loaded. */
  settledFront(): number {
    while (this.front < this.count && this.state(this.front) === STATE_SETTLED) this.front++
    return this.front
  }

  state(index: number): number {
    return (this.states[index] as number) & STATE_MASK
  }

  wasDelivered(index: number): boolean {
    return ((this.states[index] as number) & STATE_DELIVERED) !== 0
  }

  /** Whether the message is missing because its record or segment is damaged. */
  lacks(index: number): boolean {
    return index >= this.count || this.state(index) === STATE_SETTLED
  }

  entryLength(index: number): number {
    return this.words[(this.offsets[index] as number) >> 2] as number
  }

  bodySize(index: number): number {
    return this.words[((this.offsets[index] as number) >> 2) + 1] as number
  }

  isPersistent(index: number): boolean {
    return ((this.words[((this.offsets[index] as number) >> 2) + 2] as number) & FLAG_PERSISTENT) !== 0
  }

  /** Offset in the buffer of the entry's content. */
  contentStart(index: number): number {
    const start = this.offsets[index] as number
    return start + ((this.words[(start >> 2) + 2] as number) >>> 16)
  }

  namesStart(index: number): number {
    const start = this.offsets[index] as number
    const timed = ((this.words[(start >> 2) + 2] as number) & FLAG_TIMED) !== 0
    return start + ENTRY_HEADER_BYTES + (timed ? ENTRY_TIME_BYTES : 0)
  }

  /** Exchange and routing key with which the message was published. */
  names(index: number): MessageNames {
    return readNames(this.bytes as Uint8Array, this.namesStart(index))
  }

  /** The decoded message; its buffers are views of the segment. */
  content(index: number): Content {
    const end = (this.offsets[index] as number) + this.entryLength(index)
    const content = readContent(
      this.bytes as Uint8Array,
      this.namesStart(index),
      this.contentStart(index),
      end,
    )
    content.died = ((this.words[((this.offsets[index] as number) >> 2) + 2] as number) & FLAG_DIED) !== 0
    return content
  }

  /** Index and end of each wait. Removes the waits of transient messages, which did not survive a restart. */
  readyWaits(): [number, number][] {
    const waits = this.deliveryCounts?.waits
    const all = [...(waits ?? [])]
    for (const [index] of all) if (this.state(index) !== STATE_READY) waits?.delete(index)
    return all.filter(([index]) => waits?.get(index) !== 0)
  }

  /**
   * Indexes of ready messages whose deadline is before `now`, at most EXPIRED_PER_LOOK; the segment must be loaded.
   * Afterwards `earliest` covers all messages that are not returned.
   */
  takeExpired(now: number): number[] {
    const found: number[] = []
    this.earliest = 0
    for (let i = 0; i < this.count; i++) {
      const at = this.state(i) === STATE_READY ? this.timeOf(i) : 0
      if (at !== 0 && at < now && found.length < EXPIRED_PER_LOOK) found.push(i)
      else if (at !== 0 && (this.earliest === 0 || at < this.earliest)) this.earliest = at
    }
    return found
  }

  /** The unsettled messages from index `from` on; the segment must be loaded. */
  *browse(from: number): Iterable<Browsed> {
    for (let index = from; index < this.count; index++) {
      const state = this.state(index)
      if (state === STATE_SETTLED) continue
      const number = this.base + index
      const arrivedAt = this.arrivals.at(index) * 1000
      yield { segment: this, index, sequence: number, unacked: state === STATE_UNACKED, arrivedAt }
    }
  }

  /** The entry's time (see message.ts), in ms since 1970; 0 = none. */
  timeOf(index: number): number {
    const word = (this.offsets[index] as number) >> 2
    if (((this.words[word + 2] as number) & FLAG_TIMED) === 0) return 0
    return ((this.words[word + 3] as number) >>> 0) + (this.words[word + 4] as number) * 4294967296
  }
}
