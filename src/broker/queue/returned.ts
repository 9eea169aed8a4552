/** The messages that came back to a queue, by number, lowest first: they go out again in front of all others. */
export class ReturnedMessages {
  private numbers: number[] = []
  private head = 0

  get size(): number {
    return this.numbers.length - this.head
  }

  /** The lowest number; only where size > 0. */
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
    if (this.size === 0 || n > (list.at(-1) as number)) {
      list.push(n)
      return
    }
    if (n < this.first && this.head > 0) {
      list[--this.head] = n
      return
    }
    let low = this.head
    let high = list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((list[middle] as number) < n) low = middle + 1
      else high = middle
    }
    list.splice(low, 0, n)
  }

  clear(): void {
    this.numbers = []
    this.head = 0
  }
}
