/**
 * The dead letters of refused messages on disk. A message that an exchange delayed, or that died in another queue, has
 * been confirmed and leaves its place on disk when a full queue refuses it. If its dead letter still waits when that
 * batch is written, because of an alarm or for want of time, it is stored in the same batch: in the log of the delayed
 * messages, as one of second 0, in which none is due.
 */
import type { BatchSource, GroupCommit } from '../../storage/batch.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Owner } from '../../util/owner.ts'
import { DELAY_LOG, LETTERS_SECOND } from '../delay/delayed-messages.ts'
import { decodeHeld, encodeHeld, type Held } from '../delay/held.ts'
import type { InboundMessage } from '../message.ts'
import type { Recipient } from './dead-letter.ts'

/** The budget of dead letters that one refused message may cause. */
export interface Family {
  /** How many more dead letters it may cause. */
  left: number
  /** Whether the message was confirmed, so that its dead letters must not be lost. */
  readonly isConfirmed: boolean
  /** Its number in the store, once one of its dead letters has been stored. */
  number: number | undefined
}

/** Where a dead letter is stored. */
export interface Place {
  /** Its number in the store; -1 = it is not stored. */
  index: number
}

export interface StoredLetter {
  readonly message: InboundMessage
  readonly family: Family
  readonly place: Place
  /** Targets that have it; undefined unless it has failed in this run. */
  readonly done?: Set<Recipient>
}

/** A dead letter that may have to be stored. */
export interface KeptLetter {
  readonly message: InboundMessage
  readonly family: Family
  /** The queue that refused the message. */
  readonly queue: Owner & { readonly log: number | undefined }
  readonly place: Place
}

interface HeldLetter extends Held {
  readonly family: number
  readonly left: number
}

export class LetterStore implements BatchSource {
  private readonly commit: GroupCommit
  private readonly storage: Storage
  /** Dead letters that are stored with the open batch if they are still waiting then. */
  private readonly fresh = new Set<KeptLetter>()
  private isAdded = false
  private next = 0

  constructor(commit: GroupCommit, storage: Storage) {
    this.commit = commit
    this.storage = storage
  }

  /** Called for a dead letter that begins to wait. */
  waits(letter: KeptLetter): void {
    const { family, queue, place } = letter
    if (!family.isConfirmed || queue.log === undefined || place.index >= 0 || !this.commit.keeps) return
    this.fresh.add(letter)
    if (this.isAdded) return
    this.isAdded = true
    this.commit.add(this)
  }

  /** Called when it has been passed on: its targets have it in the open batch. */
  passed(letter: KeptLetter): void {
    if (letter.place.index >= 0) this.drop(letter.place.index)
    else this.fresh.delete(letter)
  }

  /** Whether it is stored, or will be with the open batch. */
  has(letter: KeptLetter): boolean {
    return letter.place.index >= 0 || this.fresh.has(letter)
  }

  /** The message of a dead letter; undefined while its batch is not written. @throws Error if it cannot be read */
  message({ index }: Place): InboundMessage | undefined {
    if (index < 0) return undefined
    const bytes = this.storage.record(DELAY_LOG, LETTERS_SECOND, index)
    return bytes && decodeHeld(bytes).message
  }

  drop(index: number): void {
    this.commit.write({ op: 'drop-record', log: DELAY_LOG, segment: LETTERS_SECOND, index })
  }

  collect(batch: Parameters<BatchSource['collect']>[0]): void {
    this.isAdded = false
    for (const letter of this.fresh) {
      const { family, queue, message } = letter
      const index = this.next++
      letter.place.index = index
      family.number ??= index
      const target = queue.log as number
      const held: HeldLetter = { target, due: 0, keys: [], family: family.number, left: family.left }
      const bytes = encodeHeld(held, message)
      this.commit.pendingBytes += bytes.length
      batch.push({ op: 'record', log: DELAY_LOG, segment: LETTERS_SECOND, index, bytes })
    }
    this.fresh.clear()
  }

  /**
   * Those of an earlier run, in the order of their refusal, each with the number of the log of its queue.
   * @param unreadable called for one that cannot be read, which stays where it is
   */
  *load(unreadable: (index: number, error: unknown) => void): Iterable<StoredLetter & { log: number }> {
    const families = new Map<number, Family>()
    for (const { index, bytes } of this.storage.records(DELAY_LOG, LETTERS_SECOND)) {
      this.next = index + 1
      try {
        const { held, message } = decodeHeld(bytes)
        const { target, family: number, left } = held as HeldLetter
        const family = families.get(number) ?? { left, isConfirmed: true, number }
        family.left = Math.min(family.left, left)
        families.set(number, family)
        yield { message, family, place: { index }, log: target }
      } catch (error) {
        unreadable(index, error)
      }
    }
  }
}
