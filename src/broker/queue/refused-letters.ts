/**
 * Dead letters of messages that full queues refuse (reject-publish-dlx). The queue that such a letter is for may be full
 * too and refuse it, and so on: among eight such queues behind a fanout one message has 69,000 letters. They are passed on in
 * steps, later in the turn, in the order in which they were refused: behind the message itself in queues that have both, and what
 * a queue passes on stays in its order, as in RabbitMQ, where queues send beside each other. While memory or disk are low,
 * the first one that may not be passed on has all behind it wait.
 */
import { REFUSED_LETTERS_MAX, REFUSED_PER_STEP, REFUSED_WAITING_BYTES_MAX } from '../../limits.ts'
import { charged, type Owner } from '../../util/owner.ts'
import type { Failures } from '../failures.ts'
import { inShortSteps, type Steps, WAIT } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import type { Pumped, Turn } from '../turn.ts'
import type { Passed } from './dead-letter.ts'

/** What one refused message leads to. */
interface Family {
  /** Letters that may still come of it. */
  left: number
}

/**
 * Makes and publishes a letter.
 * @param mayWait it may come later where memory or disk are low
 */
export type Pass = (mayWait: boolean) => Passed

interface Letter {
  readonly family: Family
  /** Its queue. */
  readonly owner: Owner
  readonly pass: Pass
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

  /** What comes of such a letter might be dropped: half of the room is for what comes of those that wait. */
  lacksRoomFor(octets: number): boolean {
    const { waitingBytes } = this
    return waitingBytes > 0 && 2 * (waitingBytes + octets) > REFUSED_WAITING_BYTES_MAX
  }

  /** @param m in memory that stays as it is */
  refused(owner: Owner, m: InboundMessage, pass: Pass): void {
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
    // The letter of what a client has published is never lost, and where so many wait, it does not wait.
    const letter: Letter = { family, owner, pass, bytes, next: undefined }
    if (!fits) {
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

  /** False where the next one has to wait, or there is none. */
  private next(): boolean {
    const letter = this.head
    if (letter === undefined) return false
    this.waitingBytes -= letter.bytes
    // The end of the process does not wait for the end of an alarm.
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
