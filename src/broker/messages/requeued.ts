/**
 * The requeued messages of a queue, by number. They are delivered before all others, the lowest number first or in the
 * order of their return. Each costs at most the logarithm of their number, whatever the order in which they come back:
 * a closing connection returns its messages channel by channel.
 */
export class RequeuedMessages {
  /** A heap, or, in the order of return, a list that begins at `head`. */
  private numbers: number[] = []
  private head = 0
  /** Entries that have left the front of the list. */
  private left = 0
  /**
   * Set once a message was taken out of turn: the positions in the list of the messages that are left, counted from the
   * first ever. Other entries of `numbers` are skipped.
   */
  private there: Map<number, number> | undefined
  readonly inOrderOfReturn: boolean

  constructor(inOrderOfReturn: boolean) {
    this.inOrderOfReturn = inOrderOfReturn
  }

  get size(): number {
    return this.there?.size ?? this.numbers.length - this.head
  }

  /** The number that is delivered next; only if size > 0. */
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

  /** Skips messages that were taken out of turn. */
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

  /** With that number too; another object where this one is shared by the queues that have none. */
  with(n: number): RequeuedMessages {
    const own = this === inOrder || this === byReturn ? new RequeuedMessages(this.inOrderOfReturn) : this
    own.add(n)
    return own
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

  /** Removes a number from any position. False if it is absent. */
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

const inOrder = new RequeuedMessages(false)
const byReturn = new RequeuedMessages(true)

/** For the queues that have had none yet, of which there may be very many. */
export function noneRequeued(inOrderOfReturn: boolean): RequeuedMessages {
  return inOrderOfReturn ? byReturn : inOrder
}
