/**
 * The messages that came back to a queue, by number: they go out again in front of all others, lowest first or in the
 * order of their return.
 */
export class ReturnedMessages {
  private numbers: number[] = []
  private head = 0
  readonly inOrderOfReturn: boolean

  constructor(inOrderOfReturn: boolean) {
    this.inOrderOfReturn = inOrderOfReturn
  }

  get size(): number {
    return this.numbers.length - this.head
  }

  /** The number that goes out next; only where size > 0. */
  get first(): number {
    return this.numbers[this.head] as number
  }

  removeFirst(): void {
    this.head++
    if (this.head === this.numbers.length) this.clear()
    else if (this.head > 4096 && this.head * 2 > this.numbers.length) {
      this.numbers = this.numbers.slice(this.head)
      this.head = 0
    }
  }

  add(n: number): void {
    const list = this.numbers
    if (this.inOrderOfReturn || this.size === 0 || n > (list.at(-1) as number)) {
      list.push(n)
      return
    }
    if (n < this.first && this.head > 0) {
      list[--this.head] = n
      return
    }
    list.splice(this.lowerBound(n), 0, n)
  }

  /** The first position whose number is not below `n`. */
  private lowerBound(n: number): number {
    let low = this.head
    let high = this.numbers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.numbers[middle] as number) < n) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Takes a number out, wherever it stands. False where it is not there. */
  remove(n: number): boolean {
    if (this.size === 0) return false
    const at = this.inOrderOfReturn ? this.numbers.indexOf(n, this.head) : this.lowerBound(n)
    if (at < 0 || this.numbers[at] !== n) return false
    if (at === this.head) this.removeFirst()
    else this.numbers.splice(at, 1)
    return true
  }

  clear(): void {
    this.numbers = []
    this.head = 0
  }
}
