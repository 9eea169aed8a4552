// hot: per message
/**
 * The states of a segment: open, then sealed, then gone; and, independently, how much of it is stored. All transitions
 * are made here, each with its preconditions.
 *
 * In the store, a segment first has nothing on disk, then records and state, then only the state, once all its messages
 * are settled. A change puts the segment on its store's list (dirty) until the next batch includes it. A segment that
 * must leave memory but has messages that its store does not keep is written completely, once, to the chain's spill
 * store.
 */
import { invariant } from '../../util/invariant.ts'

export abstract class SegmentLifecycle {
  /** Number of messages, including settled ones. */
  abstract count: number
  /** Number of messages that are not settled. */
  abstract live: number
  private isSealed = false
  private isGone = false
  private isDirty = false
  private hasState = false
  private hasRecords = false
  private isComplete = false
  private wantsSpill = false
  private hasSpill = false
  private takenUpIn = 0
  private takenUpTo = 0

  /** No further messages can be appended. */
  get sealed(): boolean {
    return this.isSealed
  }

  /** The queue has dropped the segment. */
  get gone(): boolean {
    return this.isGone
  }

  /** The segment has changed since the last batch, and is thus on its store's list. */
  get dirty(): boolean {
    return this.isDirty
  }

  /** Part of the segment is on disk, or in a batch being written. */
  get onDisk(): boolean {
    return this.hasState
  }

  /** The store has records of the segment, or gets them with a batch being written. */
  get recorded(): boolean {
    return this.hasRecords
  }

  /** The segment was restored from the store, which has all its unsettled messages. */
  get complete(): boolean {
    return this.isComplete
  }

  /** The next batch writes the whole segment to the spill store, so that it can leave memory. */
  get spilling(): boolean {
    return this.wantsSpill
  }

  /** The spill store has the whole segment, or gets it with a batch being written. */
  get spilled(): boolean {
    return this.hasSpill
  }

  /** Number of the last batch that includes the segment; its octets must not change before that batch is on disk. */
  get batch(): number {
    return this.takenUpIn
  }

  /** Messages below this index are in an earlier batch of the queue's store, or need none. */
  get logged(): number {
    return this.takenUpTo
  }

  seal(): void {
    this.isSealed = true
  }

  /** Called when the queue drops the segment. */
  letGo(): void {
    invariant(!this.isGone, 'a segment is let go of once')
    this.isGone = true
  }

  /** Marks the segment as changed. Returns true if it has to be put on its store's list. */
  touch(): boolean {
    if (this.isDirty) return false
    invariant(!this.isGone, 'nothing changes in a segment that is gone')
    this.isDirty = true
    return true
  }

  askSpill(): void {
    invariant(this.isSealed, 'an open segment does not leave memory')
    invariant(!this.wantsSpill && !this.hasSpill, 'a segment is spilled once')
    this.wantsSpill = true
  }

  /** Called when that batch includes the whole segment for the spill store. */
  spilledWith(batch: number): void {
    invariant(this.wantsSpill, 'only what was asked for is spilled')
    invariant(batch >= this.takenUpIn, 'batches take up segments in their order')
    this.wantsSpill = false
    this.hasSpill = true
    this.takenUpIn = batch
  }

  /** Called when the segment leaves the store's list. */
  listed(): void {
    invariant(this.isDirty, 'what is on the list has changed')
    this.isDirty = false
  }

  /** Called when a batch includes the segment. */
  takenUp(batch: number): void {
    invariant(batch >= this.takenUpIn, 'batches take up segments in their order')
    this.takenUpTo = this.count
    this.takenUpIn = batch
  }

  /** Called when a batch includes records of the segment. */
  written(): void {
    this.hasState = this.hasRecords = true
  }

  /** Called when a batch removes the records of the segment; its state stays. */
  cleared(): void {
    invariant(this.hasRecords && this.live === 0, 'records of messages that are not settled stay')
    this.hasRecords = false
  }

  /** Called when the segment has been restored from the store. */
  restored(): void {
    this.hasState = this.hasRecords = this.isComplete = this.isSealed = true
    this.takenUpTo = this.count
  }

  /** Called when the segment is emptied for reuse. */
  protected startOver(): void {
    invariant(this.live === 0, 'a segment with messages goes on')
    invariant(
      !this.isSealed && !this.isDirty && !this.hasState,
      'only a segment that the store does not have',
    )
    this.takenUpTo = 0
  }
}
