/**
 * Sends messages of a queue to its dead-letter exchange. With x-dead-letter-strategy=at-least-once, a message stays
 * hidden in its queue until all target queues have it; it is retried if there is no target or a target rejects it
 * (behaviour.md section 12). After a restart it is ready again. With any strategy, messages with several target queues
 * are held back during an alarm.
 */
import { DEAD_LETTER_RETRY_MS, HELD_BACK_MAX, REJECTED_PER_STEP } from '../../limits.ts'
import type { Timer } from '../../util/clock.ts'
import { StoreFailure } from '../../util/owner.ts'
import { inShortSteps, type Steps } from '../jobs.ts'
import { type Content, InboundMessage, readContent } from '../message.ts'
import type { UnackedMessages } from '../messages/order.ts'
import type { Pumped } from '../turn.ts'
import type { Aside } from './aside.ts'
import type { Passed, Recipient } from './dead-letter.ts'
import type { TimedEnvironment } from './environment.ts'
import type { StoredLetter } from './letter-store.ts'
import type { DeathReason, Queue } from './queue.ts'
import type { Pass, RefusedLetters } from './refused-letters.ts'

/** Maximum number of failed attempts per round of retries. */
const FAILURES_MAX = 100

export interface DeadLettering {
  /** Dead-letters a message, see dead-letter.ts. @param mayWait whether 'later' may be returned */
  deadLetter(
    queue: Queue,
    content: Content,
    reason: DeathReason,
    done?: Set<Recipient>,
    mayWait?: boolean,
  ): Passed
  readonly refusedLetters: RefusedLetters
}

type OutboxEnvironment = TimedEnvironment & DeadLettering

interface RetainedMessage {
  readonly reason: DeathReason
  /** Whether the message stays until all targets have it (at-least-once). */
  readonly confirmed: boolean
  /** Targets that have the message, and exchanges that keep it: a retry is for the others. */
  readonly done: Set<Recipient>
  /** Whether only its removal is left: its targets have it, or there is no dead-letter exchange. */
  passed: boolean
}

type Fate = 'gone' | 'kept' | 'parked'

export class DeadLetterOutbox {
  /** Created when needed: hardly any queue has retained messages. */
  private retained: Map<number, RetainedMessage> | undefined
  private readonly queue: Queue & Pumped
  /** Whether messages are held back until an alarm is over. */
  private held = false
  private readonly order: UnackedMessages
  private readonly env: OutboxEnvironment
  private readonly aside: Aside
  private timer: Timer | undefined

  /** @param aside receives messages that cannot be dead-lettered */
  constructor(queue: Queue & Pumped, order: UnackedMessages, env: OutboxEnvironment, aside: Aside) {
    this.queue = queue
    this.aside = aside
    this.order = order
    this.env = env
  }

  /** Whether so many messages are held back that the queue must not discard more. It is pumped when this is over. */
  get isFull(): boolean {
    return this.held && this.size >= HELD_BACK_MAX
  }

  /** Number of messages waiting for their targets; `order` counts them as unacknowledged. */
  get size(): number {
    return this.retained?.size ?? 0
  }

  /** Dead-letters an unacknowledged message, or drops it if there is no dead-letter exchange. */
  die(sequence: number, reason: DeathReason): void {
    const { deadLetterAtLeastOnce } = this.queue.settings
    const message: RetainedMessage = {
      reason,
      confirmed: deadLetterAtLeastOnce,
      done: new Set(),
      passed: false,
    }
    const fate = this.passOn(sequence, message)
    if (fate !== 'kept') return
    this.retained ??= new Map()
    this.retained.set(sequence, message)
    this.retryLater()
  }

  /**
   * Dead-letters a message that the queue rejected because of its limit.
   * @param stored set if that was in an earlier run, or its dead letter has failed
   * @returns whether there is a dead-letter exchange
   */
  refused(m: InboundMessage, stored?: StoredLetter): boolean {
    if (this.queue.settings.deadLetterExchange === undefined) return false
    const { refusedLetters } = this.env
    const message = refusedLetters.isPassingOn || stored !== undefined ? m : InboundMessage.copyOf(m)
    const { octets, namesStart, contentStart, contentEnd, died } = message
    const pass: Pass = (mayWait, done) => {
      if (this.queue.deleted) return true
      const content = readContent(octets.bytes, namesStart, contentStart, contentEnd)
      return this.env.deadLetter(this.queue, { ...content, died }, 'maxlen', done, mayWait)
    }
    // The publisher of a message that was delayed, or has died before, cannot be told.
    const { isDelayed } = m
    const isConfirmed = died || isDelayed
    refusedLetters.refused({ queue: this.queue, message, isConfirmed, isDelayed, pass, stored })
    return true
  }

  private contentOf(sequence: number): Content {
    const { segment, index } = this.order.find(sequence)
    return segment.content(index)
  }

  /** Publishes the message to its targets. It leaves the queue in the batch in which the targets receive it. */
  private passOn(sequence: number, message: RetainedMessage): Fate {
    const removesAgain = message.passed
    const before = message.done.size
    try {
      if (!removesAgain && !this.reachesTargets(sequence, message)) return 'kept'
      message.passed = true
      this.order.settle(sequence)
      return 'gone'
    } catch (error) {
      // Set aside at once, a message that its targets have, or some of them, would be there twice.
      const isHalfDone = (message.passed && !removesAgain) || message.done.size > before
      if (isHalfDone && !(error instanceof StoreFailure)) return 'kept'
      this.aside.park(sequence, message.reason, error)
      return 'parked'
    }
  }

  /** Publishes the message. Returns false if it has to be retried. */
  private reachesTargets(sequence: number, { reason, done, confirmed }: RetainedMessage): boolean {
    if (this.queue.settings.deadLetterExchange === undefined) return true
    const content = this.contentOf(sequence)
    const passed = this.env.refusedLetters.apart(() => this.env.deadLetter(this.queue, content, reason, done))
    this.held = passed === 'later'
    return !this.held && !(confirmed && !passed)
  }

  private retryLater(): void {
    const { env } = this
    this.timer ??= env.after(DEAD_LETTER_RETRY_MS, () => env.turn.jobs.soon(env, () => this.retry()))
  }

  /**
   * Retries each message once, until FAILURES_MAX attempts have failed. If a target has become available, one round may
   * send all messages of a long queue.
   */
  private retry(): void {
    const { env, retained } = this
    if (retained !== undefined) env.turn.jobs.begin(this.retrying(retained), env)
  }

  private *retrying(retained: Map<number, RetainedMessage>): Steps {
    const { env } = this
    const round = retained.entries()
    let [left, failed] = [retained.size, 0]
    const next = (): boolean => {
      if (this.retained !== retained || left-- === 0 || failed === FAILURES_MAX || env.turn.isBehind())
        return false
      const { value, done } = round.next()
      if (done === true) return false
      const [sequence, message] = value
      // Appended, so that a message that fails or has no target does not delay the others.
      retained.delete(sequence)
      retained.set(sequence, message)
      if (this.passOn(sequence, message) === 'kept') failed++
      else retained.delete(sequence)
      return true
    }
    try {
      yield* inShortSteps(env, REJECTED_PER_STEP, next)
    } finally {
      this.timer = undefined
      if (this.retained === retained) {
        if (retained.size > 0) this.retryLater()
        if (!this.isFull) env.turn.pumpLater(this.queue)
      }
    }
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.retained = undefined
  }
}
