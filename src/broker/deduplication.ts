/**
 * Publish deduplication: of several messages with the same `x-deduplication-header`, only the first one passes. An
 * exchange or queue with x-message-deduplication remembers the last x-cache-size values, each for x-cache-ttl ms (or
 * for the message's own x-cache-ttl). A durable exchange or queue stores the values in the same batch as the message.
 * Since a value can be as long as a frame, only a digest is kept of long ones; this bounds the cache in octets too.
 */
import { DEDUPLICATION_ENTRIES, DEDUPLICATION_ENTRIES_MAX } from '../limits.ts'
import { type FieldTable, type FieldValue, integerOf } from '../protocol/field-table.ts'
import { sha256 } from '../util/sha256.ts'
import { headersNamed } from './headers-named.ts'
import type { InboundMessage } from './message.ts'
import { hasDiedIn } from './queue/dead-letter.ts'

const HEADER = 'x-deduplication-header'
const TTL_HEADER = 'x-cache-ttl'

/** Longest value kept as it is: about the size of the rest of an entry. */
const KEY_CHARACTERS_MAX = 64
/** 192 bits, which makes collisions infeasible. */
const DIGEST_CHARACTERS = 32

interface Entry {
  /** The entry's number in the store. */
  readonly number: number
  /** When the entry expires, in ms since 1970; 0 = never. */
  readonly until: number
}

/** Storage of the entries of one cache. */
export interface DeduplicationStore {
  /** Number of the first entry that is put. */
  readonly first: number
  load(): Iterable<{ number: number; value: string; until: number }>
  put(number: number, value: string, until: number): void
  delete(number: number): void
  /** Deletes the entries in steps, during later turns of the event loop. @param end greater than all `numbers` */
  destroy(numbers: Iterable<number>, end: number): void
}

export class Deduplication {
  private readonly size: number
  private readonly ttl: number
  private readonly store: DeduplicationStore | undefined
  /** Oldest first. */
  private entries = new Map<string, Entry>()
  /**
   * Position of the oldest entry. The iterator can be kept: entries it has passed are deleted, and new ones are
   * appended.
   */
  private oldest = this.entries.keys()
  private next = 0
  private isDestroyed = false

  /** @param store undefined if the cache need not survive a restart */
  constructor(args: FieldTable, store: DeduplicationStore | undefined) {
    const number = (name: string): number | undefined => {
      const v = args.get(name)
      return v === undefined ? undefined : integerOf(v)
    }
    this.size = Math.min(number('x-cache-size') ?? DEDUPLICATION_ENTRIES, DEDUPLICATION_ENTRIES_MAX)
    this.ttl = number('x-cache-ttl') ?? 0
    this.store = store
    this.next = store?.first ?? 0
    for (const { number: n, value, until } of store?.load() ?? []) {
      const key = shortened(value)
      this.entries.set(key, { number: n, until })
      this.next = Math.max(this.next, n + 1)
      // Earlier releases stored values in full.
      if (key !== value) store?.put(n, key, until)
    }
  }

  get count(): number {
    return this.entries.size
  }

  /** Whether a message with the same value has been accepted before. */
  isDuplicate(headers: FieldTable | undefined, now: number): boolean {
    const value = cacheKey(headers)
    if (value === undefined) return false
    const entry = this.entries.get(value)
    return entry !== undefined && (entry.until === 0 || entry.until >= now)
  }

  /**
   * Whether the queue has accepted a message with the same value before; one that died in the queue and comes back, or
   * is redriven, is no duplicate.
   * @param headers as `headersOf` returns them
   */
  isDuplicateIn(queue: string, m: InboundMessage, headers: FieldTable | undefined, now: number): boolean {
    return this.isDuplicate(headers, now) && !hasDiedIn(m, queue)
  }

  /**
   * Remembers the message's value. A transaction may be committed after its exchange was deleted: what was stored then
   * would be remembered by a new exchange of that name.
   */
  admit(headers: FieldTable | undefined, now: number): void {
    const value = cacheKey(headers)
    if (value === undefined || this.isDestroyed) return
    const own = headers?.get(TTL_HEADER)
    const ttl = (own && integerOf(own)) ?? this.ttl
    const until = ttl > 0 ? now + ttl : 0
    this.forget(value)
    this.entries.set(value, { number: this.next, until })
    this.store?.put(this.next, value, until)
    this.next++
    while (this.entries.size > this.size) this.forgetOldest()
  }

  private forgetOldest(): void {
    let { value, done } = this.oldest.next()
    if (done === true) {
      this.oldest = this.entries.keys()
      ;({ value, done } = this.oldest.next())
    }
    if (value !== undefined) this.forget(value)
  }

  private forget(value: string): void {
    const entry = this.entries.get(value)
    if (entry === undefined) return
    this.entries.delete(value)
    this.store?.delete(entry.number)
  }

  destroy(): void {
    this.isDestroyed = true
    this.store?.destroy(numbersOf(this.entries), this.next)
    this.entries = new Map()
    this.oldest = this.entries.keys()
  }
}

function* numbersOf(entries: ReadonlyMap<string, Entry>): Iterable<number> {
  for (const { number } of entries.values()) yield number
}

export function wantsDeduplication(args: FieldTable): boolean {
  return args.get('x-message-deduplication')?.value === true
}

/** The headers that matter to a queue's deduplication. */
export function headersOf(m: InboundMessage): FieldTable | undefined {
  return headersNamed(m, HEADER, TTL_HEADER)
}

/** Digests of long values by the message's headers: one message may pass a thousand exchanges. */
const digests = new WeakMap<FieldTable, string>()

/** Integers are equal regardless of their width; other values only equal values of the same type. */
function cacheKey(headers: FieldTable | undefined): string | undefined {
  const v = headers?.get(HEADER)
  if (headers === undefined || v === undefined) return undefined
  const known = digests.get(headers)
  if (known !== undefined) return known
  const text = textOf(v)
  if (text === undefined || text.length <= KEY_CHARACTERS_MAX) return text
  const digest = shortened(text)
  digests.set(headers, digest)
  return digest
}

/**
 * The text, or the digest of a long one. A digest cannot be mistaken for a text: it begins with `#`, a text with a
 * letter.
 */
function shortened(text: string): string {
  if (text.length <= KEY_CHARACTERS_MAX) return text
  return `#${sha256(text, 'base64').slice(0, DIGEST_CHARACTERS)}`
}

function textOf(v: FieldValue): string | undefined {
  const n = integerOf(v)
  if (n !== undefined) return `i${n}`
  if (v.type === 'S' || v.type === 'x') return `s${v.value.toString('base64')}`
  return v.type === 'V' || v.type === 'F' || v.type === 'A' ? undefined : `${v.type}${String(v.value)}`
}
