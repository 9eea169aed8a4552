/**
 * The requeued messages of a queue, by number. They are delivered before all others, the lowest number first or in the
 * order of their return. Each costs at most the logarithm of their number, whatever the order in which they come back:
 * a closing connection returns its messages channel by channel.
 */
export class RequeuedMessages {
  /** A heap, or, in the order of return, a list that begins at `head`. */
  private numbers: number[] = []
  private head = 0
  /** Messages that were taken out of turn, with the number of their entries that will be skipped: the first ones. */
  private stale: Map<number, number> | undefined
  /** Such entries in all. */
  private staleCount = 0
  /** See `add`. */
  private ahead: Set<number> | undefined
  readonly inOrderOfReturn: boolean

  constructor(inOrderOfReturn: boolean) {
    this.inOrderOfReturn = inOrderOfReturn
  }

  get size(): number {
    return this.numbers.length - this.head - this.staleCount
  }

  /** The number that is delivered next; only if size > 0. */
  get first(): number {
    return this.numbers[this.head] as number
  }

  removeFirst(): void {
    this.ahead?.delete(this.first)
    this.dropFirst()
    this.passOver()
  }

  private dropFirst(): void {
    if (!this.inOrderOfReturn) {
      this.dropLowest()
      return
    }
    this.head++
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
    while (this.staleCount > 0 && this.unmark(this.first)) this.dropFirst()
  }

  /** False where no entry of that message is stale. */
  private unmark(n: number): boolean {
    const count = this.stale?.get(n)
    if (count === undefined) return false
    if (count > 1) this.stale?.set(n, count - 1)
    else this.stale?.delete(n)
    if (--this.staleCount === 0) this.stale = undefined
    return true
  }

  /** With that number too; another object where this one is shared by the queues that have none. */
  with(n: number, isAhead: boolean): RequeuedMessages {
    const own = this === inOrder || this === byReturn ? new RequeuedMessages(this.inOrderOfReturn) : this
    own.add(n, isAhead)
    return own
  }

  /** @param isAhead it cannot be seen by its number alone that the message is among these */
  add(n: number, isAhead: boolean): void {
    const list = this.numbers
    if (isAhead) {
      this.ahead ??= new Set()
      this.ahead.add(n)
    }
    if (!this.inOrderOfReturn && this.unmark(n)) return
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

  /**
   * Removes a message from any position. Its entry stays: a list of where each one is would have to be made in one piece,
   * of millions.
   * @param isHere its number tells that it is among these, as that of a ready one in front of the cursor
   */
  remove(n: number, isHere: boolean): void {
    const wasAhead = this.ahead?.delete(n) === true
    if (!isHere && !wasAhead) return
    this.stale ??= new Map()
    this.stale.set(n, (this.stale.get(n) ?? 0) + 1)
    this.staleCount++
    if (this.size === 0) this.clear()
    else this.passOver()
  }

  clear(): void {
    this.numbers = []
    this.head = 0
    this.stale = this.ahead = undefined
    this.staleCount = 0
  }
}

const inOrder = new RequeuedMessages(false)
const byReturn = new RequeuedMessages(true)

/** For the queues that have had none yet, of which there may be very many. */
export function noneRequeued(inOrderOfReturn: boolean): RequeuedMessages {
  return inOrderOfReturn ? byReturn : inOrder
}
