/**
 * Sends messages of a queue to its dead-letter exchange. With x-dead-letter-strategy=at-least-once a message stays in
 * its queue, hidden, until all targets have it; without a target, or if one refuses, it is retried (behaviour.md
 * section 12). After a restart it is ready again. During an alarm those wait too that would go to several queues.
 */
import { DEAD_LETTER_RETRY_MS, HELD_BACK_MAX, REJECTED_PER_STEP } from '../../limits.ts'
import type { Timer } from '../../util/clock.ts'
import { inShortSteps } from '../jobs.ts'
import { type Content, InboundMessage, readContent } from '../message.ts'
import type { UnackedMessages } from '../messages/order.ts'
import type { Pumped } from '../turn.ts'
import type { Aside } from './aside.ts'
import type { Passed } from './dead-letter.ts'
import type { TimedEnvironment } from './environment.ts'
import type { DeathReason, Queue, RoutedQueue } from './queue.ts'
import type { RefusedLetters } from './refused-letters.ts'

/** Maximum number of failed attempts per round. */
const FAILURES_MAX = 100

export interface DeadLettering {
  /** See dead-letter.ts. @param mayWait 'later' is an answer */
  deadLetter(
    queue: Queue,
    content: Content,
    reason: DeathReason,
    done?: Set<RoutedQueue>,
    mayWait?: boolean,
  ): Passed
  readonly refusedLetters: RefusedLetters
}

type OutboxEnvironment = TimedEnvironment & DeadLettering

interface RetainedMessage {
  readonly reason: DeathReason
  /** It stays until all targets have it. */
  readonly confirmed: boolean
  /** Targets that have received it. */
  readonly done: Set<RoutedQueue>
}

type Fate = 'gone' | 'kept' | 'parked'

export class DeadLetterOutbox {
  /** Made when it is needed: hardly a queue has any. */
  private retained: Map<number, RetainedMessage> | undefined
  private readonly queue: Queue & Pumped
  /** Some are held back until an alarm is over. */
  private held = false
  private readonly order: UnackedMessages
  private readonly env: OutboxEnvironment
  private readonly aside: Aside
  private timer: Timer | undefined

  /** @param aside takes messages that cannot be dead-lettered */
  constructor(queue: Queue & Pumped, order: UnackedMessages, env: OutboxEnvironment, aside: Aside) {
    this.queue = queue
    this.aside = aside
    this.order = order
    this.env = env
  }

  /** The queue must give it nothing more to pass on: it is served once more when that is over. */
  get isFull(): boolean {
    return this.held && this.size >= HELD_BACK_MAX
  }

  /** Messages waiting for a target; the order counts them as unacked. */
  get size(): number {
    return this.retained?.size ?? 0
  }

  /** An unacked message leaves. */
  die(sequence: number, reason: DeathReason): void {
    const { deadLetterAtLeastOnce } = this.queue.settings
    const message: RetainedMessage = { reason, confirmed: deadLetterAtLeastOnce, done: new Set() }
    const fate = this.passOn(sequence, message)
    if (fate !== 'kept') return
    this.retained ??= new Map()
    this.retained.set(sequence, message)
    this.retryLater()
  }

  /** Dead-letters a message that the queue refused. */
  refused(m: InboundMessage): void {
    if (this.queue.settings.deadLetterExchange === undefined) return
    const { refusedLetters } = this.env
    const kept = refusedLetters.isPassingOn ? m : InboundMessage.copyOf(m)
    const { octets, namesStart, contentStart, contentEnd, died } = kept
    refusedLetters.refused(this.queue, kept, (mayWait) => {
      if (this.queue.deleted) return true
      const content = readContent(octets.bytes, namesStart, contentStart, contentEnd)
      return this.env.deadLetter(this.queue, { ...content, died }, 'maxlen', undefined, mayWait)
    })
  }

  private contentOf(sequence: number): Content {
    const { segment, index } = this.order.find(sequence)
    return segment.content(index)
  }

  /** Once the targets have it, it leaves the queue in the same batch. */
  private passOn(sequence: number, { reason, done, confirmed }: RetainedMessage): Fate {
    if (this.queue.settings.deadLetterExchange !== undefined) {
      try {
        const passed = this.env.deadLetter(
          this.queue,
          this.contentOf(sequence),
          reason,
          confirmed ? done : undefined,
        )
        this.held = passed === 'later'
        if (this.held || (confirmed && !passed)) return 'kept'
      } catch (error) {
        this.aside.park(sequence, reason, error)
        return 'parked'
      }
    }
    this.order.settle(sequence)
    return 'gone'
  }

  private retryLater(): void {
    const { env } = this
    this.timer ??= env.after(DEAD_LETTER_RETRY_MS, () => env.turn.jobs.soon(env, () => this.retry()))
  }

  /** Each once, or as many as fail. All of a long queue may find their target in the same round. */
  private retry(): void {
    const { env, retained } = this
    if (retained === undefined) return
    const round = retained.entries()
    let [left, failed] = [retained.size, 0]
    const next = (): boolean => {
      if (this.retained !== retained || left-- === 0 || failed === FAILURES_MAX || env.turn.isBehind())
        return false
      const { value, done } = round.next()
      if (done === true) return false
      const [sequence, message] = value
      retained.delete(sequence)
      if (this.passOn(sequence, message) === 'kept') {
        // Behind the others, so that one that has nowhere to go does not keep them.
        retained.set(sequence, message)
        failed++
      }
      return true
    }
    env.turn.jobs.begin(inShortSteps(env, REJECTED_PER_STEP, next), env, () => {
      this.timer = undefined
      if (this.retained !== retained) return
      if (retained.size > 0) this.retryLater()
      if (!this.isFull) env.turn.pumpLater(this.queue)
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.retained = undefined
  }
}
