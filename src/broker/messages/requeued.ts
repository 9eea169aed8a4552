// hot: per message
/**
 * The requeued messages of a queue, by sequence number. They are delivered before all others, in order of their numbers
 * or of their return. Adding is cheap in any order (a closing connection returns its messages channel by channel), and
 * so is removing from any position, even of all messages but the first.
 */
import { Heap } from '../../util/heap.ts'

export interface RequeuedMessages {
  readonly inOrderOfReturn: boolean
  readonly size: number
  /** Number of the message that is delivered next; valid only if size > 0. */
  readonly first: number
  removeFirst(): void
  /** Adds that number. Returns a new object if this one is the empty one that queues share. */
  with(n: number, isAhead: boolean): RequeuedMessages
  /**
   * @param isAhead whether the message is not before the cursor, so that its number alone does not tell that it was
   *   requeued
   */
  add(n: number, isAhead: boolean): void
  /**
   * Removes a message from any position.
   * @param isHere whether its number alone tells that it was requeued: it is ready and before the cursor
   */
  remove(n: number, isHere: boolean): void
  clear(): void
}

/** Number of consecutive sequence numbers that share a block. */
const BLOCK = 256

/** Blocks by number. The last one used is cached: messages mostly return and leave in sequence. */
class Blocks<B> {
  private readonly byNumber = new Map<number, B>()
  private last: B | undefined
  private lastNumber = -1

  get(number: number): B | undefined {
    if (number === this.lastNumber) return this.last
    this.lastNumber = number
    this.last = this.byNumber.get(number)
    return this.last
  }

  set(number: number, block: B): B {
    this.byNumber.set(number, block)
    this.lastNumber = number
    this.last = block
    return block
  }

  delete(number: number): void {
    this.byNumber.delete(number)
    this.lastNumber = -1
  }

  clear(): void {
    this.byNumber.clear()
    this.lastNumber = -1
    this.last = undefined
  }
}

interface Block {
  /** Number of bits that are set. */
  count: number
  /** One bit per sequence number. */
  readonly words: Int32Array
}

/**
 * Delivers the lowest number first. Uses bits, so that messages removed out of turn leave nothing that has to be
 * skipped.
 */
class LowestFirst implements RequeuedMessages {
  readonly inOrderOfReturn = false
  size = 0
  first = 0
  private readonly blocks = new Blocks<Block>()
  /** The numbers of the blocks. An empty block stays until it is the first. */
  private readonly order = new Heap()

  private newBlock(number: number): Block {
    this.order.push(number, number)
    return this.blocks.set(number, { count: 0, words: new Int32Array(BLOCK >> 5) })
  }

  removeFirst(): void {
    this.remove(this.first)
  }

  with(n: number): RequeuedMessages {
    const own = this === lowestFirst ? new LowestFirst() : this
    own.add(n)
    return own
  }

  add(n: number): void {
    const number = Math.floor(n / BLOCK)
    const block = this.blocks.get(number) ?? this.newBlock(number)
    const at = n - number * BLOCK
    block.words[at >> 5] = (block.words[at >> 5] as number) | (1 << (at & 31))
    block.count++
    if (this.size++ === 0 || n < this.first) this.first = n
  }

  remove(n: number): void {
    const number = Math.floor(n / BLOCK)
    const block = this.blocks.get(number)
    const at = n - number * BLOCK
    const bit = 1 << (at & 31)
    const word = block?.words[at >> 5] ?? 0
    if (block === undefined || (word & bit) === 0) return
    block.words[at >> 5] = word & ~bit
    block.count--
    if (--this.size > 0) {
      if (n === this.first) this.find()
      // A single block stays, or each message that is requeued and delivered alone would need a new one.
    } else if (this.order.size > 1) this.clear()
  }

  /** Finds the new first message, after the first one has left and others remain. */
  private find(): void {
    let number = this.order.firstKey
    let block = this.blocks.get(number) as Block
    while (block.count === 0) {
      this.order.pop()
      this.blocks.delete(number)
      number = this.order.firstKey
      block = this.blocks.get(number) as Block
    }
    let at = 0
    while (block.words[at] === 0) at++
    const word = block.words[at] as number
    this.first = number * BLOCK + at * 32 + 31 - Math.clz32(word & -word)
  }

  clear(): void {
    this.size = 0
    this.blocks.clear()
    this.order.clear()
  }
}

interface CountedBlock {
  /** The sum of all counts. */
  sum: number
  readonly counts: Uint16Array
}

/** How often each sequence number occurs. Consecutive numbers share a block, so that very many are skipped quickly. */
class Counts {
  private readonly blocks = new Blocks<CountedBlock>()

  add(n: number): void {
    const number = Math.floor(n / BLOCK)
    const block =
      this.blocks.get(number) ?? this.blocks.set(number, { sum: 0, counts: new Uint16Array(BLOCK) })
    const at = n - number * BLOCK
    block.counts[at] = (block.counts[at] as number) + 1
    block.sum++
  }

  /** Returns false if the number does not occur. */
  remove(n: number): boolean {
    const number = Math.floor(n / BLOCK)
    const block = this.blocks.get(number)
    const at = n - number * BLOCK
    const count = block?.counts[at] ?? 0
    if (block === undefined || count === 0) return false
    block.counts[at] = count - 1
    if (--block.sum === 0) this.blocks.delete(number)
    return true
  }
}

/** Delivers requeued messages in the order of their return. */
class InOrderOfReturn implements RequeuedMessages {
  readonly inOrderOfReturn = true
  private numbers: number[] = []
  /** Index of the first entry in `numbers` that is still valid. */
  private head = 0
  /**
   * Messages taken out of turn, each with the number of its entries that are to be skipped, beginning with the first.
   * An index of the positions of all messages would have to be built in one piece, for millions of them.
   */
  private stale: Counts | undefined
  /** Sum of these numbers. */
  private staleCount = 0
  /** Messages added with `isAhead`. */
  private ahead: Set<number> | undefined

  get size(): number {
    return this.numbers.length - this.head - this.staleCount
  }

  get first(): number {
    return this.numbers[this.head] as number
  }

  removeFirst(): void {
    this.ahead?.delete(this.first)
    this.dropFirst()
    this.passOver()
  }

  private dropFirst(): void {
    this.head++
    if (this.head === this.numbers.length || (this.head > 4096 && this.head * 2 > this.numbers.length)) {
      this.numbers = this.numbers.slice(this.head)
      this.head = 0
    }
  }

  /** Skips entries of messages that were taken out of turn. */
  private passOver(): void {
    if (this.staleCount === 0) return
    while (this.staleCount > 0 && this.stale?.remove(this.first) === true) {
      this.staleCount--
      this.dropFirst()
    }
    if (this.staleCount === 0) this.stale = undefined
  }

  with(n: number, isAhead: boolean): RequeuedMessages {
    const own = this === byReturn ? new InOrderOfReturn() : this
    own.add(n, isAhead)
    return own
  }

  add(n: number, isAhead: boolean): void {
    if (isAhead) {
      this.ahead ??= new Set()
      this.ahead.add(n)
    }
    this.numbers.push(n)
  }

  remove(n: number, isHere: boolean): void {
    const wasAhead = this.ahead?.delete(n) === true
    if (!isHere && !wasAhead) return
    this.stale ??= new Counts()
    this.stale.add(n)
    this.staleCount++
    if (this.size === 0) this.clear()
    else if (n === this.first) this.passOver()
  }

  clear(): void {
    this.numbers = []
    this.head = 0
    this.stale = this.ahead = undefined
    this.staleCount = 0
  }
}

const lowestFirst = new LowestFirst()
const byReturn = new InOrderOfReturn()

/** The empty object that is shared by all queues without requeued messages, of which there may be very many. */
export function noneRequeued(inOrderOfReturn: boolean): RequeuedMessages {
  return inOrderOfReturn ? byReturn : lowestFirst
}

/** An empty object that is not shared. */
export function newRequeued(inOrderOfReturn: boolean): RequeuedMessages {
  return inOrderOfReturn ? new InOrderOfReturn() : new LowestFirst()
}
