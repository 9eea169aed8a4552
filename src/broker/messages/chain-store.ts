/**
 * What the two stores of a chain share: the log that they write to, the segments that wait for the next batch, to be
 * written or to be dropped, and the request to be asked for them.
 */
import type { BatchSource, GroupCommit } from '../../storage/batch.ts'
import type { Storage, StorageWrite } from '../../storage/storage.ts'
import type { Segment } from './segment.ts'
import { loadSegment, type SegmentRoom } from './segment-records.ts'

/** In place of an empty list for each of very many queues. */
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
  /** The store has, or is to get, something of it. */
  protected used = false

  constructor(id: number, commit: GroupCommit, storage: Storage) {
    this.id = id
    this.commit = commit
    this.storage = storage
  }

  /** Whether the log may have something of the segment. */
  protected abstract has(segment: Segment): boolean

  /** Adds to the batch what is to be written of segments that have waited for it. */
  protected abstract write(waiting: readonly Segment[], batch: StorageWrite[]): void

  /** The segment is to be written with the next batch. */
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
