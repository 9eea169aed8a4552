// hot: per message
/**
 * The messages of a stream: a list of segments, whose sequence numbers are the offsets. The time of an entry is the
 * message's arrival time; the earliest one of a segment is stored with the segment's state. The pager evicts segments
 * that are on disk; they are loaded again for a consumer that reads there.
 */
import { RETIRED_PER_STEP } from '../../limits.ts'
import type { InboundMessage } from '../message.ts'
import type { Browsed } from './order.ts'
import type { Pager, SegmentOwner, Verdict } from './pager.ts'
import { SEGMENT_BYTES, SEGMENT_BYTES_FIRST, Segment } from './segment.ts'
import type { SegmentStore } from './segment-store.ts'
import { type Holding, holdingOf, lastWhere, segmentAt } from './segments.ts'

/** The limits of a stream; -1 = no limit. */
export interface Retention {
  readonly maxBytes: number
  /** In ms. */
  readonly maxAge: number
  readonly segmentBytes: number
}

export class StreamLog implements SegmentOwner {
  /** Octets of all entries. */
  bytes = 0
  /** The offset of the next message. */
  end = 0
  /** The offset of the first message of the last chunk. */
  lastChunk = 0
  private chunkTurn = 0
  private readonly segments: Segment[] = []
  private readonly log: SegmentStore | undefined
  private readonly pager: Pager
  private nextSegment = 1
  private lastFound: Segment | undefined
  private maxBytes = -1
  private maxAge = -1
  private segmentBytes = SEGMENT_BYTES
  /** Whether `retain` has left segments for the next step. */
  hasExcess = false

  /** @param log undefined if nothing survives a restart */
  constructor(log: SegmentStore | undefined, pager: Pager) {
    this.log = log
    this.pager = pager
  }

  get id(): number | undefined {
    return this.log?.id
  }

  /** The lowest offset that still exists. */
  get first(): number {
    return this.segments[0]?.base ?? this.end
  }

  limit({ maxBytes, maxAge, segmentBytes }: Retention): void {
    this.maxBytes = maxBytes
    this.maxAge = maxAge
    this.segmentBytes = Math.max(SEGMENT_BYTES_FIRST, Math.min(SEGMENT_BYTES, segmentBytes))
  }

  restore(): void {
    if (this.log === undefined) return
    const { segments, next } = this.log.restore()
    for (const s of segments) {
      this.segments.push(s)
      this.bytes += s.used
    }
    this.end = next.message
    this.nextSegment = next.segment
    this.lastChunk = Math.max(0, this.end - 1)
  }

  /**
   * @param now in ms since 1970
   * @param turn number of the turn: messages published in one turn form a chunk
   */
  append(m: InboundMessage, now: number, turn: number): void {
    if (turn !== this.chunkTurn) {
      this.chunkTurn = turn
      this.lastChunk = this.end
    }
    const size = Segment.entryBytes(m, true)
    let tail = this.segments[this.segments.length - 1]
    if (tail === undefined || !tail.fits(size)) tail = this.extend(tail, size, now)
    const { used } = tail
    // A stream stores every message, regardless of its delivery mode.
    const { persistent } = m
    m.persistent = true
    tail.append(m, size, now)
    m.persistent = persistent
    this.bytes += tail.used - used
    this.end++
    if (!tail.dirty && this.log !== undefined) this.log.touch(tail)
  }

  private extend(tail: Segment | undefined, entryBytes: number, now: number): Segment {
    const wanted = tail?.bytes === undefined ? SEGMENT_BYTES_FIRST : tail.bytes.length * 4
    const size = Math.max(entryBytes, Math.min(this.segmentBytes, wanted))
    const segment = new Segment(this.nextSegment++, this.end, this.pager.memory(size))
    if (tail !== undefined) {
      tail.seal()
      this.pager.sealed(tail, this)
    }
    this.segments.push(segment)
    this.pager.added(segment)
    this.retain(now)
    return segment
  }

  /**
   * Drops the oldest segments while the stream is too long or too old, but never the last segment, and at most
   * RETIRED_PER_STEP of them: sets `hasExcess` if there are more.
   */
  retain(now: number): void {
    const { segments } = this
    let count = 0
    while (count < RETIRED_PER_STEP && this.isExcess(count, now)) this.drop(segments[count++] as Segment)
    // One by one, the others would be moved as often.
    if (count > 0) segments.splice(0, count)
    this.hasExcess = this.isExcess(0, now)
  }

  private isExcess(position: number, now: number): boolean {
    // Every message of a segment is older than the first message of the next.
    const next = this.segments[position + 1]
    if (next === undefined) return false
    if (this.maxBytes >= 0 && this.bytes > this.maxBytes) return true
    return this.maxAge >= 0 && next.earliest !== 0 && next.earliest < now - this.maxAge
  }

  private drop(segment: Segment): void {
    this.bytes -= segment.used
    if (this.lastFound === segment) this.lastFound = undefined
    segment.letGo()
    this.log?.drop(segment)
    this.pager.release(segment)
  }

  /** The segment, loaded, of a message between `first` and `end`. */
  segmentOf(sequence: number): Segment {
    let found = this.lastFound
    if (found === undefined || sequence < found.base || sequence >= found.base + found.count) {
      found = segmentAt(this.segments, sequence)
      this.lastFound = found
    }
    if (found.bytes === undefined) this.load(found)
    return found
  }

  private load(segment: Segment): void {
    const { used } = segment
    this.log?.load(segment, this.pager)
    // Damaged entries are no longer there.
    this.bytes += segment.used - used
    this.pager.added(segment)
    if (segment.sealed) this.pager.sealed(segment, this)
  }

  /** When the first message arrived, in ms since 1970; 0 if there is none. */
  get firstAt(): number {
    return this.segments[0]?.earliest ?? 0
  }

  get holding(): Holding {
    return holdingOf(this.segments)
  }

  /** The offset of the first message that arrived at that time (ms since 1970) or later. */
  findTime(time: number): number {
    if (this.segments.length === 0) return this.end
    const segment = lastWhere(this.segments, (s) => s.earliest <= time)
    this.lastFound = segment
    if (segment.bytes === undefined) this.load(segment)
    for (let i = 0; i < segment.count; i++) if (segment.timeOf(i) >= time) return segment.base + i
    return segment.base + segment.count
  }

  *browse(after: number): Iterable<Browsed> {
    for (let sequence = Math.max(this.first, after + 1); sequence < this.end; sequence++) {
      const segment = this.segmentOf(sequence)
      const index = sequence - segment.base
      if (segment.lacks(index)) continue
      yield { segment, index, sequence, unacked: false, arrivedAt: segment.timeOf(index) }
    }
  }

  verdict(segment: Segment): Verdict {
    if (segment.gone || segment.bytes === undefined || this.log === undefined) return 'forget'
    // A consumer may still be using it.
    if (segment === this.lastFound) return 'wait'
    if (segment.dirty || segment.batch > this.pager.applied || segment === this.segments.at(-1)) return 'wait'
    return 'evict'
  }

  /** Nothing to do: every segment is written anyway. */
  store(): void {}

  destroy(): void {
    for (const segment of this.segments) {
      segment.letGo()
      this.pager.release(segment)
    }
    this.segments.length = 0
    this.lastFound = undefined
    this.log?.destroy()
  }
}
