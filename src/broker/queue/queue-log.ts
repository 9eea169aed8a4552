/**
 * What the store keeps of a durable queue: packed records of appended messages, and a small state per segment that
 * says which messages are settled and which were delivered. Of transient messages it keeps only what has been paged out;
 * they count as settled, so that none comes back after a restart.
 *
 * State of a segment (little-endian): base f64, messages u32, live u32, octets of live bodies f64, octets of
 * the entries u32, second since 1970 before which none expires u32 (0 = none does), then two bits a message, four messages an octet: 1 = settled or never written, 2 = delivered
 * before; then the delivery counts of delivery-limit.ts.
 */
import type { BatchSource, GroupCommit } from '../../storage/batch.ts'
import type { Storage, StorageWrite } from '../../storage/storage.ts'
import { DeliveryCounts } from './delivery-limit.ts'
import { BIT_DELIVERED, BIT_SETTLED, Segment, STATE_SETTLED, unpackStates } from './segment.ts'

const STATE_FIXED_BYTES = 32

export interface Restored {
  readonly segments: Segment[]
  readonly ready: number
  readonly readyBytes: number
  readonly next: { readonly segment: number; readonly message: number }
}

export class QueueLog implements BatchSource {
  readonly id: number
  /** Told when a batch has taken up a segment. */
  cleaned: (segment: Segment) => void = () => {}
  private readonly commit: GroupCommit
  private readonly storage: Storage
  private changed: Segment[] = []
  private dropped: number[] = []
  private listed = false
  private destroyed = false

  constructor(id: number, commit: GroupCommit, storage: Storage) {
    this.id = id
    this.commit = commit
    this.storage = storage
  }

  /** Has the whole segment written, transient messages too, so that it can leave memory. */
  spill(segment: Segment): void {
    segment.spilling = true
    if (!segment.dirty) this.touch(segment)
  }

  touch(segment: Segment): void {
    segment.dirty = true
    this.changed.push(segment)
    this.list()
  }

  drop(segment: Segment): void {
    if (!segment.onDisk || this.destroyed) return
    this.dropped.push(segment.number)
    this.list()
  }

  destroy(): void {
    this.destroyed = true
    this.changed = []
    this.dropped = []
    this.commit.write({ op: 'drop-log', log: this.id })
  }

  private list(): void {
    if (this.listed || this.destroyed) return
    this.listed = true
    this.commit.add(this)
  }

  collect(batch: StorageWrite[]): void {
    this.listed = false
    if (this.destroyed) return
    for (const segment of this.dropped) batch.push({ op: 'drop-segment', log: this.id, segment })
    this.dropped = []
    const changed = this.changed
    this.changed = []
    for (const segment of changed) {
      segment.dirty = false
      if (!segment.gone) this.collectSegment(segment, batch)
    }
    for (const segment of changed) this.cleaned(segment)
  }

  private collectSegment(segment: Segment, batch: StorageWrite[]): void {
    const first = segment.logged
    segment.logged = segment.count
    segment.batch = this.commit.number
    if (segment.spilling) {
      this.collectWhole(segment, batch)
      return
    }
    if (segment.live === 0 && !segment.onDisk) return
    const range = unwrittenRange(segment, first)
    if (range !== undefined) {
      const bytes = segment.bytes as Uint8Array
      const start = segment.offsets[range.first] as number
      const end = (segment.offsets[range.last] as number) + segment.entryLength(range.last)
      const record = bytes.subarray(start, Math.min(bytes.length, (end + 3) & ~3))
      batch.push({ op: 'record', log: this.id, segment: segment.number, index: range.first, bytes: record })
      segment.onDisk = true
    }
    if (segment.onDisk)
      batch.push({ op: 'segment', log: this.id, segment: segment.number, state: encodeState(segment) })
  }

  /** One record with everything, in place of those written before. */
  private collectWhole(segment: Segment, batch: StorageWrite[]): void {
    const { number, used } = segment
    const { id: log } = this
    if (segment.onDisk) batch.push({ op: 'drop-segment', log, segment: number })
    const start = segment.offsets[0] as number
    const bytes = (segment.bytes as Uint8Array).subarray(start, Math.max(used, start))
    batch.push({ op: 'record', log, segment: number, index: 0, bytes })
    batch.push({ op: 'segment', log, segment: number, state: encodeState(segment) })
    segment.onDisk = true
    segment.spilling = false
    segment.spilled = true
  }

  /**
   * The segments as they were left, not loaded. `next` is where the queue goes on: behind everything on disk, the empty
   * segments that are dropped here included, since what is dropped must not share a number with what is new.
   */
  restore(): Restored {
    const segments: Segment[] = []
    let ready = 0
    let readyBytes = 0
    const next = { segment: 1, message: 0 }
    for (const { segment: number, state } of this.storage.segments(this.id)) {
      const view = new DataView(state.buffer, state.byteOffset, state.byteLength)
      const segment = new Segment(number, view.getFloat64(0, true), undefined)
      segment.count = view.getUint32(8, true)
      segment.live = view.getUint32(12, true)
      segment.persistent = segment.live
      segment.logged = segment.count
      segment.used = view.getUint32(24, true)
      segment.soonest = view.getUint32(28, true) * 1000
      segment.onDisk = true
      segment.spilled = true
      segment.sealed = true
      next.segment = number + 1
      next.message = segment.base + segment.count
      if (segment.live === 0) {
        this.drop(segment)
        continue
      }
      ready += segment.live
      readyBytes += view.getFloat64(16, true)
      segments.push(segment)
      const countsAt = STATE_FIXED_BYTES + packedBytes(segment.count)
      segment.packedStates = keptStates(state.subarray(STATE_FIXED_BYTES, countsAt))
      segment.deliveryCounts = DeliveryCounts.decode(state.subarray(countsAt))
    }
    return { segments, ready, readyBytes, next }
  }

  /** Reads the entries of a segment back into memory, for which `memory` finds the room. */
  load(segment: Segment, memory: (bytes: number) => ArrayBuffer): void {
    const buffer = memory((segment.used + 3) & ~3)
    segment.bytes = new Uint8Array(buffer)
    segment.words = new Int32Array(buffer)
    segment.offsets = new Uint32Array(Math.max(1, segment.count))
    let at = 0
    for (const { index, bytes } of this.storage.records(this.id, segment.number)) {
      segment.bytes.set(bytes, at)
      const end = at + bytes.length
      for (let i = index; at < end && i < segment.count; i++) {
        segment.offsets[i] = at
        at = (at + (segment.words[at >> 2] as number) + 3) & ~3
      }
    }
    segment.used = at
    segment.states = unpackStates(segment.packedStates, segment.count)
    segment.packedStates = undefined
  }
}

/** The messages from `first` on that have to be written, from the first to the last one that needs it. */
function unwrittenRange(segment: Segment, first: number): { first: number; last: number } | undefined {
  let from = first
  let to = segment.count - 1
  while (from <= to && !needsWriting(segment, from)) from++
  while (to >= from && !needsWriting(segment, to)) to--
  return from > to ? undefined : { first: from, last: to }
}

function needsWriting(segment: Segment, index: number): boolean {
  return segment.state(index) !== STATE_SETTLED && segment.isPersistent(index)
}

/** Octets of the states of so many messages. */
function packedBytes(count: number): number {
  return (count + 3) >> 2
}

function encodeState(segment: Segment): Uint8Array {
  const count = segment.count
  const counts = segment.deliveryCounts?.encode()
  const countsAt = STATE_FIXED_BYTES + packedBytes(count)
  const out = new Uint8Array(countsAt + (counts?.length ?? 0))
  if (counts !== undefined) out.set(counts, countsAt)
  let live = 0
  let bytes = 0
  for (let i = 0; i < count; i++) {
    let bits = 0
    if (!needsWriting(segment, i)) bits = BIT_SETTLED
    else {
      live++
      bytes += segment.bodySize(i)
      if (segment.wasDelivered(i)) bits = BIT_DELIVERED
    }
    if (bits !== 0)
      out[STATE_FIXED_BYTES + (i >> 2)] =
        (out[STATE_FIXED_BYTES + (i >> 2)] as number) | (bits << ((i & 3) * 2))
  }
  const view = new DataView(out.buffer)
  view.setFloat64(0, segment.base, true)
  view.setUint32(8, count, true)
  view.setUint32(12, live, true)
  view.setFloat64(16, bytes, true)
  view.setUint32(24, segment.used, true)
  view.setUint32(28, Math.floor(segment.soonest / 1000), true)
  return out
}

/** A copy of its own, or undefined where all messages are ready and new. */
function keptStates(packed: Uint8Array): Uint8Array | undefined {
  return packed.every((b) => b === 0) ? undefined : new Uint8Array(packed)
}
