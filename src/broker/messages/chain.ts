// hot: per message
/**
 * The messages of a queue in order: a list of segments, a cursor at the first message that was never delivered, and the
 * requeued messages. Knows positions and states; consumers, limits and dead lettering are the queue's task.
 */
import type { InboundMessage } from '../message.ts'
import type { Browsed, MessageOrder } from './order.ts'
import type { Pager, SegmentOwner, Verdict } from './pager.ts'
import { noneRequeued, type RequeuedMessages } from './requeued.ts'
import {
  SEGMENT_BYTES,
  SEGMENT_BYTES_FIRST,
  Segment,
  STATE_DELIVERED,
  STATE_READY,
  STATE_UNACKED,
} from './segment.ts'
import type { SegmentStore } from './segment-store.ts'
import { checkSum, type Holding, holdingOf, purged, segmentAt, soonestExpiry, withWaits } from './segments.ts'
import type { SpillStore } from './spill-store.ts'

/** Messages larger than this get a segment of their own, which can be sent without copying. */
const LARGE_ENTRY_BYTES = 64 * 1024

export class Chain implements MessageOrder, SegmentOwner {
  private segments: Segment[] = []
  private requeued: RequeuedMessages
  ready = 0
  unacked = 0
  /** Octets of the bodies of ready and of unacknowledged messages. */
  readyBytes = 0
  unackedBytes = 0
  /** Position of the first ready message, set by `head()`. */
  headSegment!: Segment
  headIndex = 0
  private readonly log: SegmentStore | undefined
  private readonly pager: Pager
  /** Opens the store for segments that are not completely in `log` but have to leave memory. */
  private readonly openSpill: () => SpillStore
  private spill: SpillStore | undefined
  /** Position of the first message that was never delivered: position in `segments`, and index in that segment. */
  private cursorAt = 0
  private cursorIndex = 0
  private nextSequence = 0
  private nextSegment = 1
  private lastFound: Segment | undefined
  /** The current second, which is recorded as the arrival time of messages. */
  private second = 0

  /**
   * @param byReturn whether requeued messages are delivered in the order of their return instead of at their original
   *   position
   */
  constructor(log: SegmentStore | undefined, pager: Pager, openSpill: () => SpillStore, byReturn = false) {
    this.requeued = noneRequeued(byReturn)
    this.log = log
    this.pager = pager
    this.openSpill = openSpill
    if (log !== undefined) log.watcher = this
  }

  restore(): number {
    if (this.log === undefined) return 0
    const { segments, ready, readyBytes, next } = this.log.restore()
    for (const s of segments) this.segments.push(s)
    this.ready = ready
    this.readyBytes = readyBytes
    this.nextSequence = next.message
    this.nextSegment = next.segment
    return ready
  }

  get headSequence(): number {
    return this.headSegment.base + this.headIndex
  }

  /** Number of the first message that was never delivered. */
  private get cursorSequence(): number {
    const segment = this.segments[this.cursorAt]
    return segment === undefined ? this.nextSequence : segment.base + this.cursorIndex
  }

  get headSecond(): number {
    if (this.ready === 0) return 0
    const sequence = this.requeued.size > 0 ? this.requeued.first : this.cursorSequence
    const { arrivals, base } = this.locate(sequence)
    return arrivals.at(sequence - base)
  }

  get holding(): Holding {
    return holdingOf(this.segments)
  }

  append(m: InboundMessage, expiresAt: number): void {
    const size = Segment.entryBytes(m, expiresAt !== 0)
    let tail: Segment | undefined = this.segments[this.segments.length - 1]
    if (m.adoptable && size >= LARGE_ENTRY_BYTES)
      tail = this.push(Segment.adopt(this.nextSegment++, this.nextSequence, m, size, expiresAt))
    else {
      if (tail === undefined || !tail.fits(size)) tail = this.extend(tail, size)
      tail.append(m, size, expiresAt)
    }
    this.nextSequence++
    this.ready++
    this.readyBytes += m.bodySize
    if (m.persistent && !tail.dirty && this.log !== undefined) this.log.touch(tail)
  }

  arriving(second: number): void {
    this.second = second
    const tail = this.segments.at(-1)
    tail?.arrivals.note(tail.count, second)
  }

  /** Adds a tail segment. A queue starts with small segments, so that thousands of idle queues need little memory. */
  private extend(tail: Segment | undefined, entryBytes: number): Segment {
    const wanted = tail?.bytes === undefined ? SEGMENT_BYTES_FIRST : tail.bytes.length * 4
    const size = Math.max(entryBytes, Math.min(SEGMENT_BYTES, wanted))
    return this.push(new Segment(this.nextSegment++, this.nextSequence, this.pager.memory(size)))
  }

  private push(segment: Segment): Segment {
    checkSum(this.segments, this.ready, this.unacked)
    const tail = this.segments.at(-1)
    if (tail !== undefined) {
      tail.seal()
      // An empty tail on disk is dropped only now: until it has a successor, it preserves the sequence numbers.
      if (tail.live === 0) this.dropSegment(tail)
      else this.pager.sealed(tail, this)
    }
    segment.arrivals.note(0, this.second)
    this.segments.push(segment)
    this.pager.added(segment)
    return segment
  }

  verdict(segment: Segment): Verdict {
    if (segment.gone || segment.bytes === undefined) return 'forget'
    const cursor = this.segments[this.cursorAt]
    if (cursor === undefined || segment.base <= cursor.base || !segment.sealed) return 'forget'
    if (segment === this.headSegment || segment === this.segments.at(-1) || segment.pins > 0) return 'wait'
    if (segment.spilling || segment.dirty || segment.batch > this.pager.applied) return 'wait'
    if (segment.spilled || segment.complete) return 'evict'
    return this.log !== undefined && segment.persistent === segment.count ? 'evict' : 'store'
  }

  store(segment: Segment): void {
    this.spill ??= this.openSpill()
    this.spill.spill(segment)
  }

  head(): boolean {
    if (this.ready === 0) return false
    while (this.requeued.size > 0) {
      const sequence = this.requeued.first
      this.headSegment = this.locate(sequence)
      this.headIndex = sequence - this.headSegment.base
      this.load(this.headSegment)
      if (this.requeued.first === sequence && this.requeued.size > 0) return true
    }
    // Loading a segment may reveal that its last ready messages are damaged.
    while (this.ready > 0) {
      const segment = this.segments[this.cursorAt] as Segment
      if (this.cursorIndex < segment.count) {
        if (segment.bytes === undefined) this.load(segment)
        if (segment.state(this.cursorIndex) === STATE_READY) {
          this.headSegment = segment
          this.headIndex = this.cursorIndex
          return true
        }
        this.cursorIndex++
      } else if (segment.live === 0 && segment.sealed) this.dropSegment(segment)
      else {
        this.cursorAt++
        this.cursorIndex = 0
      }
    }
    return false
  }

  /** Advances past the message that `head()` found. */
  private leaveHead(): void {
    if (this.requeued.size > 0) this.requeued.removeFirst()
    else this.cursorIndex++
    this.ready--
    this.readyBytes -= this.headSegment.bodySize(this.headIndex)
  }

  takeHead(): void {
    const { headSegment: segment, headIndex: index } = this
    this.leaveHead()
    segment.states[index] = STATE_UNACKED | STATE_DELIVERED
    this.unacked++
    this.unackedBytes += segment.bodySize(index)
    this.touch(segment)
  }

  removeHead(): void {
    this.leaveHead()
    this.settled(this.headSegment, this.headIndex)
  }

  settle(sequence: number): void {
    const segment = this.locate(sequence)
    const index = sequence - segment.base
    this.unackedBytes -= this.loaded(segment).bodySize(index)
    this.unacked--
    this.settled(segment, index)
  }

  requeue(sequence: number): void {
    const segment = this.locate(sequence)
    const index = sequence - segment.base
    const size = this.loaded(segment).bodySize(index)
    segment.states[index] = STATE_READY | STATE_DELIVERED
    this.unacked--
    this.unackedBytes -= size
    this.ready++
    this.readyBytes += size
    const isAhead = sequence >= this.cursorSequence
    if (this.requeued.inOrderOfReturn || !isAhead) this.requeued = this.requeued.with(sequence, isAhead)
    const at = segment.timeOf(index)
    const sooner = at !== 0 && (segment.earliest === 0 || at < segment.earliest)
    if (sooner) segment.earliest = at
    if (sooner || segment.deliveryCounts !== undefined) this.touch(segment)
  }

  take(sequence: number): void {
    const { segment, index } = this.find(sequence)
    this.requeued.remove(sequence, sequence < this.cursorSequence)
    const size = segment.bodySize(index)
    segment.states[index] = STATE_UNACKED | (segment.wasDelivered(index) ? STATE_DELIVERED : 0)
    this.ready--
    this.readyBytes -= size
    this.unacked++
    this.unackedBytes += size
  }

  changed(sequence: number): void {
    this.touch(this.locate(sequence))
  }

  private touch(segment: Segment): void {
    if (!segment.dirty && segment.persistent > 0 && this.log !== undefined) this.log.touch(segment)
  }

  takeWaiting(unread: (error: unknown) => void): { number: number; until: number }[] {
    const all: { number: number; until: number }[] = []
    for (const segment of withWaits(this.segments, (s) => this.load(s), unread)) {
      for (const [index, until] of segment.readyWaits()) {
        const sequence = segment.base + index
        this.take(sequence)
        all.push({ number: sequence, until })
      }
      this.leave(segment, false)
    }
    return all
  }

  *browse(after: number): Iterable<Browsed> {
    for (const segment of [...this.segments]) {
      if (segment.base + segment.count <= after + 1) continue
      const wasLoaded = this.load(segment)
      yield* segment.browse(Math.max(0, after + 1 - segment.base))
      this.leave(segment, wasLoaded)
    }
  }

  /** Releases the memory of a segment that was loaded only for browsing. */
  private leave(segment: Segment, wasLoaded: boolean): void {
    if (!wasLoaded && this.verdict(segment) === 'evict') this.pager.release(segment)
  }

  expired(now: number): number[] {
    for (const segment of this.segments) {
      if (segment.earliest === 0 || segment.earliest >= now) continue
      const wasLoaded = this.load(segment)
      const found = segment.takeExpired(now)
      if (found.length > 0) return found.map((index) => segment.base + index)
      this.leave(segment, wasLoaded)
    }
    return []
  }

  soonestExpiry(): number {
    return soonestExpiry(this.segments)
  }

  find(sequence: number): { segment: Segment; index: number } {
    const segment = this.loaded(this.locate(sequence))
    return { segment, index: sequence - segment.base }
  }

  private settled(segment: Segment, index: number): void {
    segment.settle(index)
    this.someSettled(segment)
  }

  private someSettled(segment: Segment): void {
    this.touch(segment)
    if (segment.live === 0) this.emptied(segment)
  }

  private emptied(segment: Segment): void {
    if (segment.sealed || segment !== this.segments[this.segments.length - 1]) {
      this.dropSegment(segment)
      return
    }
    if (segment.onDisk || segment.dirty) return
    // Reuse the memory at once, while it is in the CPU's cache.
    const tail = this.segments.length - 1
    if (this.cursorAt >= tail) {
      this.cursorAt = tail
      this.cursorIndex = 0
    }
    segment.reset(this.nextSequence)
  }

  /** Called when a batch includes the segment; if it is empty, its memory can be reused. */
  cleaned(segment: Segment): void {
    if (segment.live === 0 && !segment.gone) this.emptied(segment)
  }

  private dropSegment(segment: Segment): void {
    const at = this.segments.indexOf(segment)
    if (at === 0) this.segments.shift()
    else this.segments.splice(at, 1)
    if (at < this.cursorAt) this.cursorAt--
    else if (at === this.cursorAt) this.cursorIndex = 0
    this.forget(segment)
  }

  /** Releases a segment that has been removed from the list. */
  private forget(segment: Segment): void {
    if (this.lastFound === segment) this.lastFound = undefined
    segment.letGo()
    this.log?.drop(segment)
    this.spill?.drop(segment)
    this.pager.release(segment)
  }

  private locate(sequence: number): Segment {
    const last = this.lastFound
    if (last !== undefined && sequence >= last.base && sequence < last.base + last.count) return last
    this.lastFound = segmentAt(this.segments, sequence)
    return this.lastFound
  }

  private loaded(segment: Segment): Segment {
    if (segment.bytes === undefined) this.load(segment)
    return segment
  }

  /** Returns true if the segment was loaded already. */
  private load(segment: Segment): boolean {
    if (segment.bytes !== undefined || segment.count === 0) return true
    const store = (segment.spilled ? this.spill : this.log) as SpillStore | SegmentStore
    const lost = store.load(segment, this.pager)
    this.pager.readBack(segment, this)
    if (lost.length > 0) this.lose(segment, lost)
    return false
  }

  /** Removes damaged messages from the counts. Since their sizes are unknown, the average is subtracted. */
  private lose(segment: Segment, lost: readonly number[]): void {
    for (const n of lost.map((index) => segment.base + index))
      this.requeued.remove(n, n < this.cursorSequence)
    this.readyBytes = Math.round((this.readyBytes / this.ready) * (this.ready - lost.length))
    this.ready -= lost.length
    if (segment.persistent > 0) this.log?.touch(segment)
  }

  /** @param loadsOnly whether nothing is removed: only what may fail is done */
  purge(loadsOnly = false): number {
    const { kept, gone, cursorAt } = purged(this.segments, this.cursorAt, (s) => this.load(s))
    if (loadsOnly) return 0
    const count = this.ready
    for (const segment of gone) this.forget(segment)
    if (this.segments[this.cursorAt]?.gone === true) this.cursorIndex = 0
    this.segments = kept
    this.cursorAt = cursorAt
    for (const s of [...kept]) if (s.live > 0 && s.settleReady() > 0) this.someSettled(s)
    this.requeued.clear()
    this.ready = this.readyBytes = 0
    return count
  }

  destroy(): void {
    for (const segment of this.segments) {
      segment.letGo()
      this.pager.release(segment)
    }
    this.segments.length = 0
    this.requeued.clear()
    this.ready = this.unacked = this.readyBytes = this.unackedBytes = this.cursorAt = this.cursorIndex = 0
    this.lastFound = undefined
    this.log?.destroy()
    this.spill?.destroy()
  }
}
