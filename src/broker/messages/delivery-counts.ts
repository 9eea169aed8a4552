/**
 * How often each message of a segment was requeued, for queues that count it, and until when each one waits. Stored
 * with the segment's state.
 */

const COUNT_MAX = 0xffff

export class DeliveryCounts {
  private readonly byIndex = new Map<number, number>()
  /** Index, and when the wait is over in ms since 1970. */
  readonly waits = new Map<number, number>()

  get(index: number): number {
    return this.byIndex.get(index) ?? 0
  }

  /** The message at that index has come back once more; returns how often by now. */
  add(index: number): number {
    const count = Math.min(COUNT_MAX, this.get(index) + 1)
    this.byIndex.set(index, count)
    return count
  }

  forget(index: number): void {
    this.byIndex.delete(index)
    this.waits.delete(index)
  }

  /** Messages that have come back. */
  get size(): number {
    return this.byIndex.size
  }

  /** Index and count. */
  [Symbol.iterator](): Iterator<[number, number]> {
    return this.byIndex.entries()
  }

  set(index: number, count: number): void {
    this.byIndex.set(index, count)
  }
}
