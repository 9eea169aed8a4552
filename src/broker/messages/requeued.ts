/**
 * The messages that came back to a queue, by number: they go out again in front of all others, lowest first or in the
 * order of their return. Whatever the order in which they come back, each costs no more than the logarithm of how many
 * there are: a connection that ends gives back what it had, channel by channel.
 */
export class RequeuedMessages {
  /** A heap, or, in the order of return, a list that begins at `head`. */
  private numbers: number[] = []
  private head = 0
  /** Entries that have left the front of the list. */
  private left = 0
  /**
   * Once one was taken out of its turn: what is there and its place in the list, counted from the first ever. Entries
   * of `numbers` that are not here any more are passed over.
   */
  private there: Map<number, number> | undefined
  readonly inOrderOfReturn: boolean

  constructor(inOrderOfReturn: boolean) {
    this.inOrderOfReturn = inOrderOfReturn
  }

  get size(): number {
    return this.there?.size ?? this.numbers.length - this.head
  }

  /** The number that goes out next; only where size > 0. */
  get first(): number {
    return this.numbers[this.head] as number
  }

  removeFirst(): void {
    this.there?.delete(this.first)
    this.dropFirst()
    this.passOver()
  }

  private dropFirst(): void {
    if (!this.inOrderOfReturn) {
      this.dropLowest()
      return
    }
    this.head++
    this.left++
    if (this.head === this.numbers.length || (this.head > 4096 && this.head * 2 > this.numbers.length)) {
      this.numbers = this.numbers.slice(this.head)
      this.head = 0
    }
  }

  private dropLowest(): void {
    const heap = this.numbers
    const last = heap.pop() as number
    const size = heap.length
    if (size === 0) return
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && (heap[child + 1] as number) < (heap[child] as number)) child++
      if ((heap[child] as number) >= last) break
      heap[at] = heap[child] as number
      at = child
    }
    heap[at] = last
  }

  /** What was taken out of its turn does not stand in front. */
  private passOver(): void {
    const { there } = this
    if (there === undefined) return
    if (there.size === 0) this.clear()
    else while (!this.isThere(there)) this.dropFirst()
  }

  private isThere(there: Map<number, number>): boolean {
    const place = there.get(this.first)
    return place !== undefined && (!this.inOrderOfReturn || place === this.left)
  }

  add(n: number): void {
    const list = this.numbers
    this.there?.set(n, this.left + list.length - this.head)
    let at = list.length
    list.push(n)
    if (this.inOrderOfReturn) return
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((list[parent] as number) <= n) break
      list[at] = list[parent] as number
      at = parent
    }
    list[at] = n
  }

  /** Takes a number out, wherever it stands. False where it is not there. */
  remove(n: number): boolean {
    if (this.size === 0) return false
    if (this.there === undefined) {
      this.there = new Map()
      for (let i = this.head; i < this.numbers.length; i++)
        this.there.set(this.numbers[i] as number, this.left + i - this.head)
    }
    if (!this.there.delete(n)) return false
    this.passOver()
    return true
  }

  clear(): void {
    this.numbers = []
    this.head = 0
    this.left = 0
    this.there = undefined
  }
}
