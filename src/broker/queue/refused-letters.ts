/**
 * Dead letters of messages that full queues refuse (reject-publish-dlx). The queue that such a letter is for may be full
 * too and refuse it, and so on: among eight such queues behind a fanout one message has 69,000 letters. They are passed on in
 * steps, later in the turn, in the order in which they were refused: behind the message itself in queues that have both, and what
 * a queue passes on stays in its order, as in RabbitMQ, where queues send beside each other.
 */
import { REFUSED_LETTERS_MAX, REFUSED_PER_STEP, REFUSED_WAITING_BYTES_MAX } from '../../limits.ts'
import { charged, type Owner } from '../../util/owner.ts'
import type { Failures } from '../failures.ts'
import { inShortSteps } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import type { Pumped, Turn } from '../turn.ts'

/** What one refused message leads to. */
interface Family {
  /** Letters that may still come of it. */
  left: number
}

interface Letter {
  readonly family: Family
  /** Its queue. */
  readonly owner: Owner
  readonly pass: () => void
  readonly bytes: number
  next: Letter | undefined
}

export class RefusedLetters implements Pumped {
  /** The first and the last one of those that wait. */
  private head: Letter | undefined
  private tail: Letter | undefined
  private waitingBytes = 0
  /** That of the letter that is being passed on. */
  private current: Family | undefined
  private running = false
  /** Its turn is due. */
  private awake = false
  private readonly turn: Turn
  private readonly failures: Failures

  constructor(turn: Turn, failures: Failures) {
    this.turn = turn
    this.failures = failures
  }

  /** What is refused now is a dead letter itself, in memory of its own. */
  get isPassingOn(): boolean {
    return this.current !== undefined
  }

  /** @param m in memory that stays as it is; @param pass makes and publishes its letter */
  refused(owner: Owner, m: InboundMessage, pass: () => void): void {
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
    // The letter of what a client has published is never lost.
    if (!fits) {
      this.passOn(family, owner, pass)
      return
    }
    this.waitingBytes += bytes
    const letter: Letter = { family, owner, pass, bytes, next: undefined }
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
    this.turn.jobs.begin(
      inShortSteps(this.turn.clock, REFUSED_PER_STEP, () => this.next()),
      owner,
      done,
    )
  }

  private next(): boolean {
    const letter = this.head
    if (letter === undefined) return false
    this.head = letter.next
    if (this.head === undefined) this.tail = undefined
    this.waitingBytes -= letter.bytes
    this.passOn(letter.family, letter.owner, letter.pass)
    return true
  }

  private passOn(family: Family, owner: Owner, pass: () => void): void {
    const before = this.current
    this.current = family
    try {
      charged(owner, pass)
    } finally {
      this.current = before
    }
  }
}
