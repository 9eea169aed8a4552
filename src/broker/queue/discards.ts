// hot: per message
/**
 * Messages that leave a queue because they have expired or are too many: so many in one turn, since a million may at
 * once. The queue goes on with the others in the next turn.
 */
import { DISCARDED_PER_TURN_MAX } from '../../limits.ts'
import type { OrderHead } from '../messages/order.ts'
import type { Pumped, Turn } from '../turn.ts'
import type { DeadLetterOutbox } from './dead-letter-outbox.ts'
import type { DeathReason, Queue } from './queue.ts'

/** Passing on a dead letter is so many times the work of dropping a message. */
const DEAD_LETTER_COST = 25

export class Discards {
  private readonly turn: Turn
  private readonly queue: Queue & Pumped
  private readonly order: OrderHead
  private readonly outbox: DeadLetterOutbox
  private left = 0
  private turnNumber = 0
  private postponedTurn = 0
  /** All queues together have had their time for dead letters. */
  private late = false

  constructor(turn: Turn, queue: Queue & Pumped, order: OrderHead, outbox: DeadLetterOutbox) {
    this.turn = turn
    this.queue = queue
    this.order = order
    this.outbox = outbox
  }

  /** Where no more may go in this turn, the queue goes on in the next. */
  mayGoOn(): boolean {
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

  /** The first ready message, which `order.head()` has found. False where it has to wait for the next turn. */
  head(reason: DeathReason): boolean {
    if (!this.mayGoOn()) return false
    const { order } = this
    if (!this.deadLetters) {
      this.left--
      order.removeHead()
      return true
    }
    const sequence = order.headSequence
    order.takeHead()
    this.expired(sequence, reason)
    return true
  }

  /** An unacked message. */
  expired(sequence: number, reason: DeathReason = 'expired'): void {
    this.left -= DEAD_LETTER_COST
    this.outbox.die(sequence, reason)
    this.late = this.turn.isLate
  }
}
