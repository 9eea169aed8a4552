/**
 * Stores the messages of a durable queue: packed records of appended messages, and a small state per segment that says
 * which messages are settled and which were delivered. Transient messages are not stored: they count as settled.
 */
import type { GroupCommit } from '../../storage/batch.ts'
import type { Storage, StorageWrite } from '../../storage/storage.ts'
import { ChainStore } from './chain-store.ts'
import { SEGMENT_MESSAGES_MAX, type Segment } from './segment.ts'
import { allDelivered, decodeState, encodeState, needsWriting } from './segment-state.ts'

export interface Restored {
  readonly segments: Segment[]
  readonly ready: number
  readonly readyBytes: number
  readonly next: { readonly segment: number; readonly message: number }
}

export class SegmentStore extends ChainStore {
  /** Notified when a batch includes a segment. */
  watcher: { cleaned(segment: Segment): void } | undefined
  private readonly unreadable: (log: number, segment: number, error: unknown) => void
  private readonly tellsDeliveries: boolean

  /**
   * @param unreadable called for segments whose state cannot be read; they stay on disk, and all others are served
   * @param tellsDeliveries whether it matters if messages were delivered before
   */
  constructor(
    id: number,
    commit: GroupCommit,
    storage: Storage,
    unreadable: (log: number, segment: number, error: unknown) => void = rethrow,
    tellsDeliveries = true,
  ) {
    super(id, commit, storage)
    this.unreadable = unreadable
    this.tellsDeliveries = tellsDeliveries
  }

  touch(segment: Segment): void {
    if (segment.touch()) this.listForBatch(segment)
  }

  protected has(segment: Segment): boolean {
    return segment.onDisk
  }

  protected write(changed: readonly Segment[], batch: StorageWrite[]): void {
    for (const segment of changed) {
      segment.listed()
      segment.check()
      if (!segment.gone) this.collectSegment(segment, batch)
    }
    for (const segment of changed) this.watcher?.cleaned(segment)
  }

  private collectSegment(segment: Segment, batch: StorageWrite[]): void {
    const first = segment.logged
    segment.takenUp(this.commit.number)
    if (segment.live === 0 && !segment.onDisk) return
    const range = unwrittenRange(segment, first)
    if (range !== undefined) {
      const bytes = segment.bytes as Uint8Array
      const start = segment.offsets[range.first] as number
      const end = (segment.offsets[range.last] as number) + segment.entryLength(range.last)
      const record = bytes.subarray(start, Math.min(bytes.length, (end + 3) & ~3))
      batch.push({ op: 'record', log: this.id, segment: segment.number, index: range.first, bytes: record })
      segment.written()
    } else if (segment.live === 0 && segment.recorded) {
      // Records that are only in the commit log so far are then never written to the store.
      batch.push({ op: 'clear-segment', log: this.id, segment: segment.number })
      segment.cleared()
    }
    if (segment.onDisk)
      batch.push({ op: 'segment', log: this.id, segment: segment.number, state: encodeState(segment) })
  }

  /**
   * Restores the segments as they were stored, not loaded. `next` is where the queue continues: after everything on
   * disk, including the empty segments that are dropped here, because new segments must not reuse their numbers.
   */
  restore(): Restored {
    const segments: Segment[] = []
    let ready = 0
    let readyBytes = 0
    const next = { segment: 1, message: 0 }
    /** Maximum number of messages in the unreadable segments after the last readable one. */
    let unknown = 0
    for (const { segment: number, state } of this.storage.segments(this.id)) {
      this.used = true
      next.segment = number + 1
      let decoded: ReturnType<typeof decodeState>
      try {
        if (state === undefined) throw new RangeError('its checksum is wrong')
        decoded = this.restored(number, state)
        if (decoded.segment.base < next.message)
          throw new RangeError('its sequence numbers overlap with those of another segment')
      } catch (error) {
        // The sequence numbers of the unreadable segment are not reused.
        unknown += SEGMENT_MESSAGES_MAX
        this.unreadable(this.id, number, error)
        continue
      }
      const { segment, liveBytes } = decoded
      unknown = 0
      next.message = segment.base + segment.count
      if (segment.live === 0) {
        this.drop(segment)
        continue
      }
      ready += segment.live
      readyBytes += liveBytes
      segments.push(segment)
    }
    next.message += unknown
    return { segments, ready, readyBytes, next }
  }

  /**
   * If messages may have been delivered without a record of it, each counts as delivered: from now on, since a later
   * start cannot know.
   */
  private restored(segment: number, state: Uint8Array): ReturnType<typeof decodeState> {
    const decoded = decodeState(segment, state)
    if (this.storage.deliveriesUnknown !== true || !this.tellsDeliveries || decoded.segment.live === 0)
      return decoded
    const marked = allDelivered(state)
    if (marked === undefined) return decoded
    this.commit.write({ op: 'segment', log: this.id, segment, state: marked })
    return decodeState(segment, marked)
  }
}

function rethrow(_log: number, _segment: number, error: unknown): void {
  throw error
}

/** The smallest range with all messages from `first` on that have to be written; undefined if there is none. */
function unwrittenRange(segment: Segment, first: number): { first: number; last: number } | undefined {
  let from = first
  let to = segment.count - 1
  while (from <= to && !needsWriting(segment, from)) from++
  while (to >= from && !needsWriting(segment, to)) to--
  return from > to ? undefined : { first: from, last: to }
}
