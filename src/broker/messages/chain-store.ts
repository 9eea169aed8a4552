/**
 * Base class of the two stores of a chain: holds the log, the segments that the next batch writes or drops, and the
 * registration with the group commit.
 */
import type { BatchSource, GroupCommit } from '../../storage/batch.ts'
import type { Storage, StorageWrite } from '../../storage/storage.ts'
import type { Segment } from './segment.ts'
import { loadSegment, type SegmentRoom } from './segment-records.ts'

/** Shared by all stores in place of an empty list, since there may be very many queues. */
const none: readonly never[] = []

function added<T>(list: readonly T[], item: T): readonly T[] {
  if (list === none) return [item]
  ;(list as T[]).push(item)
  return list
}

export abstract class ChainStore implements BatchSource {
  readonly id: number
  protected readonly commit: GroupCommit
  protected readonly storage: Storage
  private waiting: readonly Segment[] = none
  private dropped: readonly number[] = none
  private listed = false
  private destroyed = false
  /** Whether the store contains, or is about to get, anything from this log. */
  protected used = false

  constructor(id: number, commit: GroupCommit, storage: Storage) {
    this.id = id
    this.commit = commit
    this.storage = storage
  }

  /** Whether the log may contain anything of the segment. */
  protected abstract has(segment: Segment): boolean

  /** Adds the pending writes of `waiting` segments to the batch. */
  protected abstract write(waiting: readonly Segment[], batch: StorageWrite[]): void

  /** Writes the segment with the next batch. */
  protected listForBatch(segment: Segment): void {
    this.waiting = added(this.waiting, segment)
    this.list()
  }

  drop(segment: Segment): void {
    if (!this.has(segment) || this.destroyed) return
    this.dropped = added(this.dropped, segment.number)
    this.list()
  }

  destroy(): void {
    this.destroyed = true
    this.waiting = none
    this.dropped = none
    if (this.used) this.commit.write({ op: 'drop-log', log: this.id })
  }

  private list(): void {
    if (this.listed || this.destroyed) return
    this.listed = true
    this.used = true
    this.commit.add(this)
  }

  collect(batch: StorageWrite[]): void {
    this.listed = false
    if (this.destroyed) return
    for (const segment of this.dropped) batch.push({ op: 'drop-segment', log: this.id, segment })
    this.dropped = none
    const { waiting } = this
    this.waiting = none
    this.write(waiting, batch)
  }

  /** As `loadSegment`. */
  load(segment: Segment, memory: SegmentRoom): number[] {
    return loadSegment(this.storage, this.id, segment, memory)
  }
}
