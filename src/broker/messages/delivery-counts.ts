/**
 * How often each message of a segment was requeued, for queues that count it, and until when each one waits. Stored
 * with the segment's state.
 */

const COUNT_MAX = 0xffff
const LENGTH_MIN = 32

/**
 * Numbers by the index of a message, 0 = none. In arrays: all messages of a very long queue may have one, the store
 * goes through those of each segment that has changed, and of a map that takes ten times as long.
 */
class NumbersByIndex<A extends Uint16Array | Float64Array> {
  /** How many there are. */
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
  /** When the wait of the message at that index is over, in ms since 1970. */
  readonly waits = new NumbersByIndex((length) => new Float64Array(length))

  get(index: number): number {
    return this.counts.get(index)
  }

  /** The message at that index has come back once more; returns how often by now. */
  add(index: number): number {
    const count = Math.min(COUNT_MAX, this.get(index) + 1)
    this.counts.set(index, count)
    return count
  }

  forget(index: number): void {
    this.counts.delete(index)
    this.waits.delete(index)
  }

  /** Messages that have come back. */
  get size(): number {
    return this.counts.size
  }

  /** With index and count of each. */
  each(action: (index: number, count: number) => void): void {
    this.counts.each(action)
  }

  set(index: number, count: number): void {
    this.counts.set(index, count)
  }
}
