// hot: per message
/**
 * Removes messages that expired or exceed a limit: a limited number per turn, since a million may at once. The queue
 * continues in the next turn. Dead-lettering also waits for the disk, since gigabytes may expire at the same time.
 */
import { DISCARDED_PER_TURN_MAX } from '../../limits.ts'
import type { OrderHead } from '../messages/order.ts'
import type { Pumped, Turn } from '../turn.ts'
import type { DeadLetterOutbox } from './dead-letter-outbox.ts'
import type { DeathReason, Queue } from './queue.ts'

/** Cost of dead-lettering a message, measured in dropped messages. */
const DEAD_LETTER_COST = 25
/** Number of messages dropped between two checks of the time. */
const DROPS_BETWEEN_LOOKS = 1_000

export class Discards {
  private readonly turn: Turn
  private readonly queue: Queue & Pumped
  private readonly order: OrderHead
  private readonly outbox: DeadLetterOutbox
  private left = 0
  private turnNumber = 0
  private postponedTurn = 0
  /** Number of the last message's segment, 0 at first: the next one may have to be read from disk, which takes time. */
  private segment = 0
  /** Whether the time that all queues share in this turn is used up. */
  private late = false

  constructor(turn: Turn, queue: Queue & Pumped, order: OrderHead, outbox: DeadLetterOutbox) {
    this.turn = turn
    this.queue = queue
    this.order = order
    this.outbox = outbox
  }

  /** Whether more messages may be removed in this turn. If not, the queue continues in a later one. */
  mayGoOn(): boolean {
    if (this.outbox.isFull) return false
    if (this.deadLetters && this.turn.isBehind()) {
      this.turn.pumpWhenWritten(this.queue)
      return false
    }
    const { number } = this.turn
    if (this.turnNumber !== number) {
      this.turnNumber = number
      this.left = DISCARDED_PER_TURN_MAX
      this.late = this.deadLetters && this.turn.isLate
    }
    if (this.left > 0 && !this.late) return true
    if (this.postponedTurn !== number) {
      this.postponedTurn = number
      this.turn.pumpNextTurn(this.queue, this.left < DISCARDED_PER_TURN_MAX)
    }
    return false
  }

  private get deadLetters(): boolean {
    return this.queue.settings.deadLetterExchange !== undefined
  }

  /** Removes the message found by `order.head()`. Returns false if this has to wait for a later turn. */
  head(reason: DeathReason): boolean {
    if (!this.mayGoOn()) return false
    const { order } = this
    if (!this.deadLetters) {
      const { number } = order.headSegment
      const isNext = number !== this.segment && this.segment !== 0
      if (--this.left % DROPS_BETWEEN_LOOKS === 0 || isNext) this.late = this.turn.isLate
      this.segment = number
      order.removeHead()
      return true
    }
    const sequence = order.headSequence
    order.takeHead()
    this.expired(sequence, reason)
    return true
  }

  /** Dead-letters or drops a message that counts as unacknowledged. */
  expired(sequence: number, reason: DeathReason = 'expired'): void {
    this.left -= DEAD_LETTER_COST
    this.outbox.die(sequence, reason)
    this.late = this.turn.isLate
  }
}
