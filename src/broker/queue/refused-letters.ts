/**
 * Dead letters of messages that full queues refuse (reject-publish-dlx). The queue that such a letter is for may be full
 * too and refuse it, and so on: among eight such queues behind a fanout one message has 69,000 letters. The first is
 * passed on at once, and those that come of it in steps once all targets of the first one have it, in the order in which they
 * were refused: what a queue passes on stays in its order, as in RabbitMQ, where queues send beside each other.
 */
import { REFUSED_LETTERS_MAX, REFUSED_PER_STEP, REFUSED_WAITING_BYTES_MAX } from '../../limits.ts'
import type { Clock } from '../../util/clock.ts'
import { charged, type Owner } from '../../util/owner.ts'
import type { Failures } from '../failures.ts'
import { inShortSteps, type Jobs } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'

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

export class RefusedLetters {
  /** The first and the last one of those that wait. */
  private head: Letter | undefined
  private tail: Letter | undefined
  private waitingBytes = 0
  /** That of the letter that is being passed on. */
  private current: Family | undefined
  private running = false
  private readonly clock: Clock
  private readonly jobs: Jobs
  private readonly failures: Failures

  constructor(clock: Clock, jobs: Jobs, failures: Failures) {
    this.clock = clock
    this.jobs = jobs
    this.failures = failures
  }

  /** @param m of its own memory if it is a dead letter itself; @param pass makes and publishes its letter */
  refused(owner: Owner, m: InboundMessage, pass: () => void): void {
    const family = this.current
    if (family === undefined) {
      this.passOn({ left: REFUSED_LETTERS_MAX }, owner, pass)
      if (this.head !== undefined && !this.running) this.begin(owner)
      return
    }
    const bytes = m.contentEnd - m.contentStart
    if (family.left === 0 || this.waitingBytes + bytes > REFUSED_WAITING_BYTES_MAX) {
      const error = new Error('too many queues have refused it, or its dead letters')
      this.failures.note('message', {}, error, 'dead letter dropped')
      return
    }
    family.left--
    this.waitingBytes += bytes
    const letter: Letter = { family, owner, pass, bytes, next: undefined }
    if (this.tail === undefined) this.head = letter
    else this.tail.next = letter
    this.tail = letter
  }

  private begin(owner: Owner): void {
    this.running = true
    const done = (): void => {
      this.running = false
    }
    this.jobs.begin(
      inShortSteps(this.clock, REFUSED_PER_STEP, () => this.next()),
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
