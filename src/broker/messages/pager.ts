/**
 * Decides which segments stay in memory. Above the budget it evicts the segments that will be needed last: the most
 * recently sealed ones, but never the head or tail of a queue. A segment that is not on disk is written first.
 */
import type { GroupCommit } from '../../storage/batch.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import { giveMemoryBack } from '../../util/large-memory.ts'
import { SEGMENT_BYTES, type Segment } from './segment.ts'
import { SegmentMemory } from './segment-memory.ts'

/** Without a new segment for this time in ms, memory kept for reuse is released. */
const QUIET_MS = 2_000
/** Maximum number of segments examined per pass that cannot be evicted yet. */
const WAITING_MAX = 256
/** Above this length of the list, entries of dropped segments are removed. */
const LIST_MAX = 4096
/**
 * While more octets than this are being written, no further segments are written to save memory: a write needs as much
 * memory again.
 */
const STORING_BYTES_MAX = 8 * 1024 * 1024
/** Octets of messages moved out of sparse slabs at a time, which takes about 10 ms. */
const MOVED_BYTES_MAX = 16 * 1024 * 1024

/**
 * Above the budget, segments that are on disk are evicted. Segments that would have to be written first are evicted
 * only above this multiple of the budget, so that a consumer slightly behind causes no writes.
 */
const UNWRITTEN_FACTOR = 2

/** What the pager may do with a segment right now. */
export type Verdict = 'evict' | 'store' | 'wait' | 'forget'

export interface SegmentOwner {
  verdict(segment: Segment): Verdict
  /** Writes the segment, so that it can be evicted later. */
  store(segment: Segment): void
}

export class Pager {
  /** Octets of segments in memory. */
  resident = 0
  readonly budget: number
  private readonly commit: GroupCommit
  private readonly clock: Clock
  private readonly memories: SegmentMemory
  /** The segments whose memory is a piece of a slab. */
  private readonly inSlabs = new Set<Segment>()
  /** Segments dropped by their queues whose last batch is not applied to the store yet. */
  private leaving: { segment: Segment; memory: Uint8Array }[] = []
  private quiet: Timer | undefined
  /** Value of `memories.taken` at the last check. */
  private taken = 0
  /** Called when slabs were released to the garbage collector. */
  private readonly freed: () => void
  /** Octets being written so that their segments can be evicted. */
  private storing = 0
  /** Octets of the segments in `sealedSegments`. */
  private sealedBytes = 0
  private sealedSegments: { segment: Segment; owner: SegmentOwner }[] = []
  private relievesLater = false

  /**
   * @param budget octets of segments that may stay in memory
   * @param freed called when a lot of memory has become garbage and the broker is idle
   */
  constructor(
    budget: number,
    commit: GroupCommit,
    clock: Clock,
    freed: () => void = () => {},
    memories = new SegmentMemory(),
  ) {
    this.memories = memories
    this.budget = budget
    this.commit = commit
    this.clock = clock
    this.freed = freed
    commit.onDurable(() => {
      // From now on, segments that are not applied yet are counted by the commit.
      this.storing = 0
      this.relieve()
    })
    commit.onApplied(() => {
      this.reclaim()
      this.relieve()
    })
  }

  /** Octets in memory above the limit for unwritten segments, as far as they could be evicted. */
  get excess(): number {
    return Math.min(this.resident - this.budget * UNWRITTEN_FACTOR, this.sealedBytes)
  }

  /** The last batch that can be read from the store. */
  get applied(): number {
    return this.commit.applied
  }

  /** Memory for a segment of that many octets. */
  memory(bytes: number): Uint8Array {
    if (bytes !== SEGMENT_BYTES) return new Uint8Array((bytes + 3) & ~3)
    this.quiet ??= this.clock.after(QUIET_MS, () => this.beQuiet())
    return this.memories.take()
  }

  /** Memory for at least that many octets. */
  room(bytes: number): Uint8Array {
    return this.memory(bytes > SEGMENT_BYTES / 2 && bytes <= SEGMENT_BYTES ? SEGMENT_BYTES : bytes)
  }

  /** Returns memory that was not used. */
  unused(memory: Uint8Array): void {
    this.memories.give(memory)
  }

  added(segment: Segment): void {
    const { bytes } = segment
    if (bytes === undefined) return
    this.resident += bytes.length
    if (bytes.length === SEGMENT_BYTES && this.memories.has(bytes)) this.inSlabs.add(segment)
  }

  /** Called when the segment takes no more messages: it may be evicted from now on. */
  sealed(segment: Segment, owner: SegmentOwner): void {
    if (!this.commit.keeps) return
    this.mayEvict(segment, owner)
    if (this.resident > this.budget) this.relieve()
  }

  /**
   * Called when a segment has been read from disk: it may be evicted again, but not before its reader is done. Whatever
   * reads far behind the head of a long queue would otherwise fill the memory with all of it.
   */
  readBack(segment: Segment, owner: SegmentOwner): void {
    this.added(segment)
    if (owner.verdict(segment) === 'forget') return
    this.mayEvict(segment, owner)
    if (this.resident <= this.budget || this.relievesLater) return
    this.relievesLater = true
    this.clock.defer(() => {
      this.relievesLater = false
      this.relieve()
    })
  }

  private mayEvict(segment: Segment, owner: SegmentOwner): void {
    this.list(segment, true)
    this.sealedSegments.push({ segment, owner })
  }

  private list(segment: Segment, listed: boolean): void {
    if (segment.mayLeave === listed) return
    segment.mayLeave = listed
    this.sealedBytes += (listed ? 1 : -1) * (segment.bytes?.length ?? 0)
  }

  /** Releases the segment's memory. */
  release(segment: Segment): void {
    const { bytes } = segment
    if (bytes === undefined) return
    this.list(segment, false)
    this.resident -= bytes.length
    this.inSlabs.delete(segment)
    if (segment.batch <= this.commit.applied) this.useAgain(segment, bytes)
    else this.leaving.push({ segment, memory: bytes })
    segment.unload()
  }

  /** Makes the memory reusable; if it is pinned, once the socket has sent it. */
  private useAgain(segment: Segment, memory: Uint8Array): void {
    if (segment.pins > 0) segment.unpinned = () => this.give(segment, memory)
    else this.give(segment, memory)
  }

  private give(segment: Segment, memory: Uint8Array): void {
    if (!this.memories.give(memory) && segment.adopted) giveMemoryBack(memory.buffer as ArrayBuffer)
  }

  /** Makes the memory of dropped segments reusable once their last batch is applied. */
  private reclaim(): void {
    const { applied } = this.commit
    if (this.leaving.length === 0 || !this.leaving.some(({ segment }) => segment.batch <= applied)) return
    const all = this.leaving
    this.leaving = all.filter(({ segment }) => segment.batch > applied)
    for (const { segment, memory } of all) if (segment.batch <= applied) this.useAgain(segment, memory)
  }

  /**
   * Releases all memory that can be spared; returns the number of octets. The tails of empty queues lose their memory.
   * Since a few messages could keep a slab a hundred times their size, their segments move to memory of their own, some
   * at a time.
   */
  forgetPool(): number {
    for (const s of this.inSlabs)
      if (s.live === 0 && !s.dirty && !s.spilling && s.batch <= this.commit.applied) this.release(s)
    let moved = 0
    for (const s of this.inSlabs) {
      const { bytes } = s
      if (bytes === undefined || s.pins > 0 || s.spilling || s.batch > this.commit.applied) continue
      if (!this.memories.isSparse(bytes)) continue
      this.moveOut(s, bytes)
      moved += s.used
      if (moved >= MOVED_BYTES_MAX) break
    }
    return this.memories.forget()
  }

  private moveOut(segment: Segment, bytes: Uint8Array): void {
    const own = new Uint8Array(Math.max(4, (segment.used + 3) & ~3))
    own.set(bytes.subarray(0, segment.used))
    segment.load(own)
    const spared = bytes.length - own.length
    this.resident -= spared
    if (segment.mayLeave) this.sealedBytes -= spared
    this.inSlabs.delete(segment)
    this.memories.give(bytes)
  }

  /** Called periodically: if no segment was added since the last call, releases the memory kept for reuse. */
  private beQuiet(): void {
    this.quiet = undefined
    const { taken } = this.memories
    if (taken === this.taken && this.forgetPool() > 0) this.freed()
    this.taken = taken
    if (this.memories.bytes > 0) this.quiet = this.clock.after(QUIET_MS, () => this.beQuiet())
  }

  stop(): void {
    this.quiet?.cancel()
  }

  private get mayStore(): boolean {
    const under = this.storing + this.commit.unsafeBytes
    return this.resident > this.budget * UNWRITTEN_FACTOR && under < STORING_BYTES_MAX
  }

  /** Evicts segments that can be evicted, and starts writing segments that must be written first. */
  private relieve(): void {
    const list = this.sealedSegments
    let waiting = 0
    let stored = false
    for (let i = list.length - 1; i >= 0 && this.resident > this.budget && waiting < WAITING_MAX; i--) {
      const { segment, owner } = list[i] as { segment: Segment; owner: SegmentOwner }
      const verdict = owner.verdict(segment)
      if (verdict === 'wait' || (verdict === 'store' && !this.mayStore)) waiting++
      else if (verdict === 'store') {
        owner.store(segment)
        this.storing += segment.used
        stored = true
        waiting++
      } else {
        list.splice(i, 1)
        if (verdict === 'evict') this.release(segment)
        else this.list(segment, false)
      }
    }
    if (stored) this.commit.requestFlush()
    else if (waiting > 0) this.commit.applySoon()
    if (list.length > LIST_MAX && this.resident <= this.budget)
      this.sealedSegments = list.filter((s) => !s.segment.gone && s.segment.bytes !== undefined)
  }
}
