/**
 * Dead letters of messages that full queues reject (x-overflow=reject-publish-dlx). The queue that receives such a dead
 * letter may be full too and reject it, and so on: with eight such queues behind a fanout exchange, one message causes
 * 69,000 dead letters. They are forwarded in steps, later in the turn, in the order in which the messages were
 * rejected. A dead letter therefore comes after the original message in a queue that gets both, and the dead letters of
 * one queue stay in order, as in RabbitMQ, where queues send concurrently. While memory or disk is low, the first dead
 * letter that must wait blocks all behind it.
 */
import { REFUSED_LETTERS_MAX, REFUSED_PER_STEP, REFUSED_WAITING_BYTES_MAX } from '../../limits.ts'
import { charged, type Owner } from '../../util/owner.ts'
import type { Failures } from '../failures.ts'
import { inShortSteps, type Steps, WAIT } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import type { Pumped, Turn } from '../turn.ts'
import type { Passed } from './dead-letter.ts'

/** The budget of dead letters that one rejected message may cause. */
interface Family {
  /** How many more dead letters it may cause. */
  left: number
}

/** Builds and publishes a dead letter. @param mayWait whether 'later' may be returned while memory or disk is low */
export type Pass = (mayWait: boolean) => Passed

interface Letter {
  readonly family: Family
  /** The queue that rejected the message. */
  readonly owner: Owner
  readonly pass: Pass
  readonly bytes: number
  next: Letter | undefined
}

export class RefusedLetters implements Pumped {
  /** The first and the last waiting dead letter. */
  private head: Letter | undefined
  private tail: Letter | undefined
  private waitingBytes = 0
  /** Budget of the dead letter being forwarded; undefined between dead letters. */
  private current: Family | undefined
  private running = false
  /** Whether `pump` is scheduled. */
  private awake = false
  private readonly turn: Turn
  private readonly failures: Failures

  constructor(turn: Turn, failures: Failures) {
    this.turn = turn
    this.failures = failures
  }

  /** Whether a dead letter is being forwarded: a message rejected now is that dead letter, which has its own memory. */
  get isPassingOn(): boolean {
    return this.current !== undefined
  }

  /**
   * Whether a dead letter of that size should wait in its queue: half of the buffer is reserved for the dead letters
   * that the waiting ones cause.
   */
  lacksRoomFor(octets: number): boolean {
    const { waitingBytes } = this
    return waitingBytes > 0 && 2 * (waitingBytes + octets) > REFUSED_WAITING_BYTES_MAX
  }

  /**
   * @param m must not be reused by the caller
   * @param atOnce whether it is forwarded at once: it would be kept in memory only
   */
  refused(owner: Owner, m: InboundMessage, pass: Pass, atOnce = false): void {
    const { current } = this
    const family = current ?? { left: REFUSED_LETTERS_MAX }
    const bytes = m.contentEnd - m.contentStart
    const fits = this.waitingBytes + bytes <= REFUSED_WAITING_BYTES_MAX
    if (current !== undefined && (current.left === 0 || !fits)) {
      const error = new Error('too many queues have refused it, or its dead letters')
      this.failures.note('message', {}, error, 'dead letter dropped')
      return
    }
    if (current !== undefined) current.left--
    // The dead letter of a client's publish is never dropped: if it does not fit, it is forwarded at once.
    const letter: Letter = { family, owner, pass, bytes, next: undefined }
    if (!fits || atOnce) {
      this.passOn(letter, false)
      return
    }
    this.waitingBytes += bytes
    if (this.tail === undefined) this.head = letter
    else this.tail.next = letter
    this.tail = letter
    if (this.running || this.awake) return
    this.awake = true
    this.turn.pumpLater(this)
  }

  pump(): void {
    this.awake = false
    if (this.head !== undefined && !this.running) this.begin(this.head.owner)
  }

  failed(error: unknown): void {
    this.failures.note('message', {}, error, 'dead letter dropped')
  }

  private begin(owner: Owner): void {
    this.running = true
    const done = (): void => {
      this.running = false
    }
    this.turn.jobs.begin(this.passing(), owner, done)
  }

  private *passing(): Steps {
    while (this.head !== undefined) {
      yield* inShortSteps(this.turn.clock, REFUSED_PER_STEP, () => this.next())
      if (this.head !== undefined) yield WAIT
    }
  }

  /** Forwards the first dead letter. Returns false if there are no more, or if it has to wait. */
  private next(): boolean {
    const letter = this.head
    if (letter === undefined) return false
    this.waitingBytes -= letter.bytes
    // A closing broker does not wait for the end of an alarm.
    if (this.passOn(letter, !this.turn.givesUp()) === 'later') {
      this.waitingBytes += letter.bytes
      return false
    }
    this.head = letter.next
    if (this.head === undefined) this.tail = undefined
    return this.head !== undefined
  }

  private passOn({ family, owner, pass }: Letter, mayWait: boolean): Passed {
    const before = this.current
    this.current = family
    let passed: Passed = false
    try {
      charged(owner, () => {
        passed = pass(mayWait)
      })
    } finally {
      this.current = before
    }
    return passed
  }
}
