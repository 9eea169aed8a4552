/**
 * Where the segments of one chain wait that have to leave memory though no log of its queue has all of them: those of
 * transient queues, and those of durable queues with transient messages in them. Each is written once and whole. What lies
 * here is of use to this process only: it bypasses the commit log, no other node gets it, and the next start removes it.
 */
import type { BatchSource, GroupCommit } from '../../storage/batch.ts'
import type { Storage, StorageWrite } from '../../storage/storage.ts'
import type { Segment } from './segment.ts'
import { loadSegment, type SegmentRoom } from './segment-records.ts'

export class SpillStore implements BatchSource {
  private readonly id: number
  private readonly commit: GroupCommit
  private readonly storage: Storage
  private asked: Segment[] = []
  private dropped: number[] = []
  private listed = false
  private destroyed = false

  /** @param id of a log from SPILL_LOGS_FROM on, which nobody else has had in this process */
  constructor(id: number, commit: GroupCommit, storage: Storage) {
    this.id = id
    this.commit = commit
    this.storage = storage
  }

  /** Has the whole segment written, so that it can leave memory. */
  spill(segment: Segment): void {
    segment.askSpill()
    this.asked.push(segment)
    this.list()
  }

  drop(segment: Segment): void {
    if (!segment.spilled || this.destroyed) return
    this.dropped.push(segment.number)
    this.list()
  }

  destroy(): void {
    this.destroyed = true
    this.asked = []
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
    const log = this.id
    for (const segment of this.dropped) batch.push({ op: 'drop-segment', log, segment })
    this.dropped = []
    for (const segment of this.asked) {
      if (segment.gone) continue
      const start = segment.offsets[0] as number
      const bytes = (segment.bytes as Uint8Array).subarray(start, Math.max(segment.used, start))
      batch.push({ op: 'record', log, segment: segment.number, index: 0, bytes })
      segment.spilledWith(this.commit.number)
    }
    this.asked = []
  }

  /** As `loadSegment`. */
  load(segment: Segment, memory: SegmentRoom): number[] {
    return loadSegment(this.storage, this.id, segment, memory)
  }
}
