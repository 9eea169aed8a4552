/**
 * Sends messages of a queue to its dead-letter exchange. With x-dead-letter-strategy=at-least-once a message stays in
 * its queue, hidden, until all targets have it; without a target, or if one refuses, it is retried (behaviour.md
 * section 12). After a restart it is ready again.
 */
import { DEAD_LETTER_RETRY_MS } from '../../limits.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import { charged } from '../../util/owner.ts'
import { type Content, type InboundMessage, readContent } from '../message.ts'
import type { UnackedMessages } from '../messages/order.ts'
import type { Aside } from './aside.ts'
import type { DeathReason, Queue, RoutedQueue } from './queue.ts'

/** Maximum number of failed attempts per round. */
const FAILURES_MAX = 100

export interface DeadLettering {
  /** See dead-letter.ts. */
  deadLetter(queue: Queue, content: Content, reason: DeathReason, done?: Set<RoutedQueue>): boolean
}

interface RetainedMessage {
  readonly reason: DeathReason
  /** Targets that have received it. */
  readonly done: Set<RoutedQueue>
}

type Fate = 'gone' | 'kept' | 'parked'

export class DeadLetterOutbox {
  /** Made when it is needed: hardly a queue has any. */
  private retained: Map<number, RetainedMessage> | undefined
  private readonly queue: Queue
  private readonly order: UnackedMessages
  private readonly env: Clock & DeadLettering
  private readonly aside: Aside
  private timer: Timer | undefined

  /** @param aside takes messages that cannot be dead-lettered */
  constructor(queue: Queue, order: UnackedMessages, env: Clock & DeadLettering, aside: Aside) {
    this.queue = queue
    this.aside = aside
    this.order = order
    this.env = env
  }

  /** Messages waiting for a target; the order counts them as unacked. */
  get size(): number {
    return this.retained?.size ?? 0
  }

  /** An unacked message leaves. */
  die(sequence: number, reason: DeathReason): void {
    const { deadLetterAtLeastOnce } = this.queue.settings
    const message: RetainedMessage = { reason, done: new Set() }
    const fate = this.passOn(sequence, message, deadLetterAtLeastOnce)
    if (fate !== 'kept') return
    this.retained ??= new Map()
    this.retained.set(sequence, message)
    this.retryLater()
  }

  /** Dead-letters a message that the queue refused. */
  refused(m: InboundMessage): void {
    if (this.queue.settings.deadLetterExchange === undefined) return
    charged(this.queue, () => {
      const content = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
      this.env.deadLetter(this.queue, { ...content, died: m.died }, 'maxlen')
    })
  }

  private contentOf(sequence: number): Content {
    const { segment, index } = this.order.find(sequence)
    return segment.content(index)
  }

  /** Once the targets have it, it leaves the queue in the same batch. */
  private passOn(sequence: number, { reason, done }: RetainedMessage, confirmed: boolean): Fate {
    if (this.queue.settings.deadLetterExchange !== undefined) {
      try {
        const passed = this.env.deadLetter(
          this.queue,
          this.contentOf(sequence),
          reason,
          confirmed ? done : undefined,
        )
        if (confirmed && !passed) return 'kept'
      } catch (error) {
        this.aside.park(sequence, reason, error)
        return 'parked'
      }
    }
    this.order.settle(sequence)
    return 'gone'
  }

  private retryLater(): void {
    this.timer ??= this.env.after(DEAD_LETTER_RETRY_MS, () => this.retry())
  }

  private retry(): void {
    this.timer = undefined
    const { retained } = this
    if (retained === undefined) return
    let failed = 0
    for (const [sequence, message] of [...retained]) {
      retained.delete(sequence)
      if (this.passOn(sequence, message, true) !== 'kept') continue
      // Behind the others, so that one that has nowhere to go does not keep them.
      retained.set(sequence, message)
      if (++failed === FAILURES_MAX) break
    }
    if (retained.size > 0) this.retryLater()
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.retained = undefined
  }
}
