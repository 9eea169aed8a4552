/**
 * How often each message of a segment was requeued, in queues that count it, and until when it waits for its delayed
 * retry. Stored with the segment's state.
 */

const COUNT_MAX = 0xffff
const LENGTH_MIN = 32

/**
 * Numbers by index of the message, 0 = none. Arrays, because all messages of a very long queue may have a number and
 * the store iterates over those of each changed segment, for which a map needs ten times as long.
 */
class NumbersByIndex<A extends Uint16Array | Float64Array> {
  /** Number of entries that are not 0. */
  size = 0
  private numbers: A
  private readonly make: (length: number) => A

  constructor(make: (length: number) => A) {
    this.make = make
    this.numbers = make(0)
  }

  get(index: number): number {
    return this.numbers[index] ?? 0
  }

  set(index: number, number: number): void {
    if (index >= this.numbers.length) {
      const longer = this.make(Math.max(LENGTH_MIN, 2 ** Math.ceil(Math.log2(index + 1))))
      longer.set(this.numbers)
      this.numbers = longer
    }
    this.size += (number === 0 ? 0 : 1) - (this.numbers[index] === 0 ? 0 : 1)
    this.numbers[index] = number
  }

  delete(index: number): void {
    if (this.get(index) !== 0) this.set(index, 0)
  }

  each(action: (index: number, number: number) => void): void {
    const { numbers } = this
    for (let i = 0, left = this.size; left > 0; i++) {
      const number = numbers[i] as number
      if (number === 0) continue
      left--
      action(i, number)
    }
  }

  *[Symbol.iterator](): Iterator<[number, number]> {
    for (const [index, number] of this.numbers.entries()) if (number !== 0) yield [index, number]
  }
}

export class DeliveryCounts {
  private readonly counts = new NumbersByIndex((length) => new Uint16Array(length))
  /** When the wait of the message at that index ends, in ms since 1970. */
  readonly waits = new NumbersByIndex((length) => new Float64Array(length))

  get(index: number): number {
    return this.counts.get(index)
  }

  /** Counts a return of the message at that index; returns the new count. */
  add(index: number): number {
    const count = Math.min(COUNT_MAX, this.get(index) + 1)
    this.counts.set(index, count)
    return count
  }

  forget(index: number): void {
    this.counts.delete(index)
    this.waits.delete(index)
  }

  /** Number of messages that were requeued. */
  get size(): number {
    return this.counts.size
  }

  /** Calls `action` with the index and count of each requeued message. */
  each(action: (index: number, count: number) => void): void {
    this.counts.each(action)
  }

  set(index: number, count: number): void {
    this.counts.set(index, count)
  }
}
