/**
 * Decides which segments stay in memory. Over the budget, the segments that will be needed last go first: those sealed
 * most recently, never the head of a queue or its tail. What of them is not on disk yet is stored before it leaves.
 */
import type { GroupCommit } from '../../storage/batch.ts'
import { giveMemoryBack } from '../../util/large-memory.ts'
import { SEGMENT_BYTES, type Segment } from './segment.ts'

/** Buffers kept for new segments. */
const POOL_MAX = 16
/** Octets of memory that is free once the store has taken over what was in it. */
const LEAVING_BYTES_MAX = 2 * POOL_MAX * SEGMENT_BYTES
/** Segments looked at in one go that cannot leave yet. */
const WAITING_MAX = 256
/** Entries of the list above which it is rid of those that are gone. */
const LIST_MAX = 4096
/** Octets written in one batch for the sake of memory: the store needs as much again while it writes them. */
const STORING_BYTES_MAX = 8 * 1024 * 1024

/**
 * Segments that are on disk anyway leave at the budget; those that would have to be written for it stay until there are
 * this many times as many octets: a consumer that is only a moment behind costs no writing.
 */
const UNWRITTEN_FACTOR = 4

/** What the pager may do with a segment right now. */
export type Verdict = 'evict' | 'store' | 'wait' | 'forget'

export interface SegmentOwner {
  verdict(segment: Segment): Verdict
  /** Has it written, so that it can be evicted later. */
  store(segment: Segment): void
}

export class Pager {
  /** Octets of segments in memory. */
  resident = 0
  readonly budget: number
  private readonly commit: GroupCommit
  private readonly pool: ArrayBuffer[] = []
  /** Let go of by their queues, but the store has not taken over all that is in them. */
  private leaving: { segment: Segment; memory: ArrayBuffer }[] = []
  private leavingBytes = 0
  /** Octets to be written so that they can leave. */
  private storing = 0
  private sealedSegments: { segment: Segment; owner: SegmentOwner }[] = []

  /** @param budget octets of segments that may stay in memory */
  constructor(budget: number, commit: GroupCommit) {
    this.budget = budget
    this.commit = commit
    commit.onFlushed(() => {
      this.storing = 0
      this.reclaim()
      this.relieve()
    })
  }

  /** Octets in memory beyond what should be. */
  get excess(): number {
    return this.resident - this.budget * UNWRITTEN_FACTOR
  }

  /** Batches up to this one can be read from the store. */
  get applied(): number {
    return this.commit.applied
  }

  /** Memory for a segment of that many octets. */
  memory(bytes: number): number | ArrayBuffer {
    return bytes === SEGMENT_BYTES ? (this.pool.pop() ?? bytes) : bytes
  }

  /** Memory for at least that many octets. */
  room(bytes: number): ArrayBuffer {
    const memory = this.memory(bytes > SEGMENT_BYTES / 2 && bytes <= SEGMENT_BYTES ? SEGMENT_BYTES : bytes)
    return typeof memory === 'number' ? new ArrayBuffer(memory) : memory
  }

  added(segment: Segment): void {
    this.resident += segment.bytes?.length ?? 0
  }

  /** No more appends to it: from now on it may leave. */
  sealed(segment: Segment, owner: SegmentOwner): void {
    if (!this.commit.keeps) return
    this.sealedSegments.push({ segment, owner })
    if (this.resident > this.budget) this.relieve()
  }

  /** The segment's memory is needed no more. */
  release(segment: Segment): void {
    const { bytes } = segment
    if (bytes === undefined) return
    this.resident -= bytes.length
    const memory = bytes.buffer as ArrayBuffer
    if (segment.batch <= this.commit.applied) this.useAgain(segment, memory)
    else if (this.leavingBytes < LEAVING_BYTES_MAX) {
      this.leaving.push({ segment, memory })
      this.leavingBytes += memory.byteLength
    }
    segment.unload()
  }

  /** Nothing refers to its memory any more but, where it is pinned, a socket. */
  private useAgain(segment: Segment, memory: ArrayBuffer): void {
    if (segment.adopted && segment.pins > 0) segment.unpinned = () => giveMemoryBack(memory)
    else if (segment.adopted) giveMemoryBack(memory)
    else if (memory.byteLength === SEGMENT_BYTES && this.pool.length < POOL_MAX) this.pool.push(memory)
  }

  /** What segments have left becomes free when the store has taken over what was in it. */
  private reclaim(): void {
    const { applied } = this.commit
    if (this.leaving.length === 0 || !this.leaving.some(({ segment }) => segment.batch <= applied)) return
    const all = this.leaving
    this.leaving = all.filter(({ segment }) => segment.batch > applied)
    this.leavingBytes = this.leaving.reduce((n, { memory }) => n + memory.byteLength, 0)
    for (const { segment, memory } of all) if (segment.batch <= applied) this.useAgain(segment, memory)
  }

  /** Nothing is kept for new segments any more. */
  forgetPool(): void {
    this.pool.length = 0
    this.leaving = []
    this.leavingBytes = 0
  }

  private get mayStore(): boolean {
    return this.resident > this.budget * UNWRITTEN_FACTOR && this.storing < STORING_BYTES_MAX
  }

  /** Evicts what can go, and has written what has to be before it can. */
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
      }
    }
    if (stored) this.commit.hurry()
    else if (waiting > 0) this.commit.applySoon()
    if (list.length > LIST_MAX && this.resident <= this.budget)
      this.sealedSegments = list.filter((s) => !s.segment.gone && s.segment.bytes !== undefined)
  }
}
