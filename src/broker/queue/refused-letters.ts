/**
 * Dead letters of messages that full queues reject (x-overflow=reject-publish-dlx). The queue that receives such a dead
 * letter may be full too and reject it, and so on: with eight such queues behind a fanout exchange, one message causes
 * 69,000 dead letters. They are forwarded in steps, later in the turn, in the order in which the messages were
 * rejected. A dead letter therefore comes after the original message in a queue that gets both, and the dead letters of
 * one queue stay in order, as in RabbitMQ, where queues send concurrently. While memory or disk is low, the first dead
 * letter that must wait blocks all behind it.
 */
import {
  REFUSED_LETTERS_MAX,
  REFUSED_PER_STEP,
  REFUSED_WAITING_BYTES_MAX,
  REFUSED_WAITING_MANY,
} from '../../limits.ts'
import { charged, type Owner, StoreFailure } from '../../util/owner.ts'
import type { StoredObjects } from '../../util/stored-objects.ts'
import type { Failures } from '../failures.ts'
import { inShortSteps, type Steps, WAIT } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import type { Pumped, Turn } from '../turn.ts'
import type { Passed, Recipient } from './dead-letter.ts'
import { type FailedLetter, FailedLetters } from './failed-letters.ts'
import type { Family, KeptLetter, LetterStore, StoredLetter } from './letter-store.ts'
import type { Queue } from './queue.ts'

/** Octets of memory that a waiting dead letter needs in addition to its content. */
const LETTER_BYTES = 2048

/** One for all: where it is made says nothing, and there may be hundreds of thousands in a second. */
const tooManyRefusals = new Error('too many queues have refused it, or its dead letters')

/**
 * Builds and publishes a dead letter.
 * @param mayWait whether 'later' may be returned while memory or disk is low
 * @param done targets that have it; new ones are added
 */
export type Pass = (mayWait: boolean, done: Set<Recipient>) => Passed

interface Letter extends KeptLetter {
  readonly queue: Queue
  readonly pass: Pass
  readonly bytes: number
  /** Targets that have it; undefined until it is passed on. */
  done: Set<Recipient> | undefined
  /** Whether it has failed before. */
  readonly again: boolean
  next: Letter | undefined
}

/** A message that a queue refuses. */
export interface Refusal {
  readonly queue: Queue
  /** Has its own memory. */
  readonly message: InboundMessage
  /** Whether the message was confirmed before, so that its dead letter must not be lost. */
  readonly isConfirmed: boolean
  /** Whether it comes from an exchange that has delayed it. */
  readonly isDelayed: boolean
  readonly pass: Pass
  /** The dead letter as it was stored, in an earlier run or before it failed. */
  readonly stored: StoredLetter | undefined
}

interface Home {
  readonly queues: ReadonlyMap<string, Queue>
  readonly exchanges: ReadonlyMap<string, unknown>
}

/** What a restored dead letter belongs to. */
interface Origin {
  readonly queue: Queue
  readonly home: Home
}

function byLogs(vhosts: ReadonlyMap<string, Home>): Map<number | undefined, Origin> {
  const found = new Map<number | undefined, Origin>()
  for (const home of vhosts.values())
    for (const queue of home.queues.values()) found.set(queue.log, { queue, home })
  return found
}

type Lacking = Pick<StoredObjects, 'lacks'>

/** Whether the exchange to which the queue's dead letters go is missing because it could not be restored. */
function awaitsExchange({ queue, home }: Origin, objects: Lacking): boolean {
  const { deadLetterExchange: name } = queue.settings
  return name !== undefined && name !== '' && !home.exchanges.has(name) && objects.lacks('exchange')
}

export class RefusedLetters implements Pumped {
  /** The first and the last waiting dead letter. */
  private head: Letter | undefined
  private tail: Letter | undefined
  /** Octets of the contents of waiting dead letters, and their number. */
  private waitingBytes = 0
  private waiting = 0
  /** Budget of the dead letter being forwarded; undefined between dead letters. */
  private current: Family | undefined
  /** Whether the next dead letter takes the place of the one being forwarded, whatever its size. */
  private hasPlace = false
  private running = false
  /** Whether `pump` is scheduled. */
  private awake = false
  private readonly turn: Turn
  private readonly failures: Failures
  private readonly store: LetterStore
  private readonly failedLetters: FailedLetters

  constructor(turn: Turn, failures: Failures, store: LetterStore) {
    this.turn = turn
    this.failures = failures
    this.store = store
    this.failedLetters = new FailedLetters(turn, this, (letter) => this.tryAgain(letter))
  }

  /**
   * Restores those that waited when the process ended. Those of queues that are gone are dropped.
   * @param objects tells whether queues, policies or exchanges could not be restored
   */
  restore(vhosts: ReadonlyMap<string, Home>, objects: Lacking): void {
    let byLog: Map<number | undefined, Origin> | undefined
    for (const letter of this.store.load((index, error) => this.unreadable(index, error))) {
      byLog ??= byLogs(vhosts)
      const origin = byLog.get(letter.log)
      // Its queue, or where that sends it, or what says so, may be there again at a later start.
      if (origin !== undefined && awaitsExchange(origin, objects)) continue
      const isTaken = origin?.queue.restoreRefused?.(letter) === true
      if (!isTaken && !objects.lacks(origin === undefined ? 'queue' : 'policy'))
        this.store.drop(letter.place.index)
    }
  }

  private unreadable(index: number, error: unknown): void {
    this.failures.note('message', { deadLetter: index }, error, 'message parked: it cannot be handled')
  }

  private tryAgain(letter: FailedLetter): void {
    const { family, queue, place, done } = letter
    let message: InboundMessage | undefined
    try {
      message = this.store.message(place)
    } catch (error) {
      if (error instanceof StoreFailure) throw error
      this.unreadable(place.index, error)
      return
    }
    if (message === undefined) {
      this.failedLetters.add(letter, true)
      return
    }
    const isTaken = !queue.deleted && queue.restoreRefused?.({ message, family, place, done }) === true
    if (!isTaken) this.store.drop(place.index)
  }

  /** Whether so many wait, and are being passed on, that publishers should not add to them. */
  get isCrowded(): boolean {
    return this.waiting > REFUSED_WAITING_MANY && !this.turn.isFull()
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
    const { waiting, waitingBytes } = this
    return waiting > 0 && 2 * (waitingBytes + waiting * LETTER_BYTES + octets) > REFUSED_WAITING_BYTES_MAX
  }

  refused({ queue, message, isConfirmed, isDelayed, pass, stored }: Refusal): void {
    const { current } = this
    const family = stored?.family ?? current ?? { left: REFUSED_LETTERS_MAX, isConfirmed, number: undefined }
    const bytes = message.contentEnd - message.contentStart
    const fits =
      stored !== undefined || this.hasPlace || this.waitingBytes + bytes <= REFUSED_WAITING_BYTES_MAX
    this.hasPlace = false
    if (current !== undefined && (current.left === 0 || !fits)) {
      this.failures.note('message', {}, tooManyRefusals, 'dead letter dropped')
      return
    }
    if (current !== undefined) current.left--
    // The dead letter of a client's publish is never dropped: if it does not fit, it is forwarded at once.
    const letter: Letter = {
      family,
      queue,
      message,
      pass,
      bytes,
      place: stored?.place ?? { index: -1 },
      done: stored?.done,
      again: stored?.done !== undefined,
      next: undefined,
    }
    // It has left the disk, and cannot be stored for a queue that is not durable.
    const isHeldBack = isDelayed && queue.log === undefined && this.turn.isFull()
    if (!fits || isHeldBack) {
      if (this.passOn(letter, false) === 'failed') {
        this.store.waits(letter)
        this.hasFailed(letter)
      }
      return
    }
    this.store.waits(letter)
    this.waitingBytes += bytes
    this.waiting++
    if (this.tail === undefined) this.head = letter
    else this.tail.next = letter
    this.tail = letter
    if (this.running || this.awake) return
    this.awake = true
    this.turn.pumpLater(this)
  }

  pump(): void {
    this.awake = false
    if (this.head !== undefined && !this.running) this.begin(this.head.queue)
  }

  failed(error: unknown): void {
    this.failures.note('message', {}, error, 'dead letter dropped')
  }

  stop(): void {
    this.failedLetters.stop()
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
    const passed = this.passOn(letter, !this.turn.givesUp())
    if (passed === 'later') {
      this.waitingBytes += letter.bytes
      return false
    }
    if (passed === 'failed') this.hasFailed(letter)
    else {
      this.store.passed(letter)
      if (letter.again) this.failedLetters.hasWorked()
    }
    this.waiting--
    this.head = letter.next
    if (this.head === undefined) this.tail = undefined
    return this.head !== undefined
  }

  /**
   * Publishes a message that has died otherwise: a queue that needs room for the dead letter being forwarded drops what
   * has expired. Whatever that message causes has a budget of its own, and was confirmed whether or not the other was.
   */
  apart(publish: () => Passed): Passed {
    const { current, hasPlace } = this
    if (current === undefined) return publish()
    this.current = undefined
    this.hasPlace = false
    try {
      return publish()
    } finally {
      this.current = current
      this.hasPlace = hasPlace
    }
  }

  /** What is not stored is lost: the publisher was told that the queue has rejected it, or the queue is not durable. */
  private hasFailed(letter: Letter): void {
    const { family, queue, place, done } = letter
    if (!this.store.has(letter)) return
    this.failedLetters.add({ family, queue, place, done: done ?? new Set() }, letter.again)
  }

  private passOn(letter: Letter, mayWait: boolean): Passed | 'failed' {
    const { family, queue, pass } = letter
    const done = letter.done ?? new Set()
    letter.done = done
    const before = this.current
    this.current = family
    this.hasPlace = family.isConfirmed
    let passed: Passed | 'failed' = 'failed'
    try {
      charged(queue, () => {
        passed = pass(mayWait, done)
      })
    } finally {
      this.current = before
      this.hasPlace = false
    }
    return passed
  }
}
