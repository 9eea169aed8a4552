// hot: per message
/**
 * The states of a segment: open, then sealed, then gone; and, independently, how much of it is stored. All transitions
 * are here, each with its preconditions.
 *
 * With the store: nothing on disk -> records and state on disk -> state only, once all of a segment's messages are
 * settled. A change puts the segment on its store's list (dirty) until the next batch takes it up. One that must leave
 * memory but has messages that its store does not keep is written whole, once, to the chain's spill store.
 */
import { invariant } from '../../util/invariant.ts'

export abstract class SegmentLifecycle {
  /** All messages, settled ones included. */
  abstract count: number
  /** Messages not settled. */
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

  /** No further appends. */
  get sealed(): boolean {
    return this.isSealed
  }

  /** The queue has dropped it. */
  get gone(): boolean {
    return this.isGone
  }

  /** Changed since the last batch, and so on its store's list. */
  get dirty(): boolean {
    return this.isDirty
  }

  /** Something of it is on disk or in a batch on its way there. */
  get onDisk(): boolean {
    return this.hasState
  }

  /** The store has records of it, or gets them with a batch on its way. */
  get recorded(): boolean {
    return this.hasRecords
  }

  /** It came from the store, which has every message of it that is not settled. */
  get complete(): boolean {
    return this.isComplete
  }

  /** The next batch writes it whole to the spill store, so that it can leave memory. */
  get spilling(): boolean {
    return this.wantsSpill
  }

  /** The spill store has all of it, or gets it with a batch on its way. */
  get spilled(): boolean {
    return this.hasSpill
  }

  /** The batch that took it up last; its octets must not change before that is on disk. */
  get batch(): number {
    return this.takenUpIn
  }

  /** How far the queue's store has taken it over: indexes below are in an earlier batch or need none. */
  get logged(): number {
    return this.takenUpTo
  }

  seal(): void {
    this.isSealed = true
  }

  /** The queue drops it. */
  letGo(): void {
    invariant(!this.isGone, 'a segment is let go of once')
    this.isGone = true
  }

  /** True if it has to be put on its store's list. */
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

  /** That batch has all of it for the spill store. */
  spilledWith(batch: number): void {
    invariant(this.wantsSpill, 'only what was asked for is spilled')
    invariant(batch >= this.takenUpIn, 'batches take up segments in their order')
    this.wantsSpill = false
    this.hasSpill = true
    this.takenUpIn = batch
  }

  /** It leaves the store's list. */
  listed(): void {
    invariant(this.isDirty, 'what is on the list has changed')
    this.isDirty = false
  }

  /** A batch takes it up. */
  takenUp(batch: number): void {
    invariant(batch >= this.takenUpIn, 'batches take up segments in their order')
    this.takenUpTo = this.count
    this.takenUpIn = batch
  }

  /** The batch has records of it. */
  written(): void {
    this.hasState = this.hasRecords = true
  }

  /** The batch removes its records; its state stays. */
  cleared(): void {
    invariant(this.hasRecords && this.live === 0, 'records of messages that are not settled stay')
    this.hasRecords = false
  }

  /** It comes from the store. */
  restored(): void {
    this.hasState = this.hasRecords = this.isComplete = this.isSealed = true
    this.takenUpTo = this.count
  }

  /** It is emptied and reused. */
  protected startOver(): void {
    invariant(this.live === 0, 'a segment with messages goes on')
    invariant(
      !this.isSealed && !this.isDirty && !this.hasState,
      'only a segment that the store does not have',
    )
    this.takenUpTo = 0
  }
}
