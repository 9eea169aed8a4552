/**
 * Publish deduplication: of messages that carry the same `x-deduplication-header`, only the first one passes. An
 * exchange or a queue with x-message-deduplication remembers the last x-cache-size values, each for x-cache-ttl ms (or
 * for the message's own x-cache-ttl). What a durable one remembers is stored in the same batch as the message. Values
 * can be as long as a frame: of a long one only a digest is remembered, so that a cache has a bound in octets too.
 */
import { createHash } from 'node:crypto'
import { DEDUPLICATION_ENTRIES, DEDUPLICATION_ENTRIES_MAX } from '../limits.ts'
import { type FieldTable, type FieldValue, integerOf } from '../protocol/field-table.ts'
import { headersNamed } from './headers-named.ts'
import type { InboundMessage } from './message.ts'

const HEADER = 'x-deduplication-header'
const TTL_HEADER = 'x-cache-ttl'

/** Longest value kept as it is, about the size of an entry in any case. */
const KEY_CHARACTERS_MAX = 64
/** 192 bits, which makes collisions infeasible. */
const DIGEST_CHARACTERS = 32

interface Entry {
  /** Its number in the store. */
  readonly number: number
  /** In ms since 1970; 0 = never. */
  readonly until: number
}

/** Storage of the entries of one cache. */
export interface DeduplicationStore {
  /** The number from which on entries are counted. */
  readonly first: number
  load(): Iterable<{ number: number; value: string; until: number }>
  put(number: number, value: string, until: number): void
  delete(number: number): void
  /** In steps: they are taken later. @param end greater than all of the numbers */
  destroy(numbers: Iterable<number>, end: number): void
}

export class Deduplication {
  private readonly size: number
  private readonly ttl: number
  private readonly store: DeduplicationStore | undefined
  /** Oldest first. */
  private entries = new Map<string, Entry>()
  /** Continues where it stopped: entries it has passed are gone, and new ones are appended. */
  private oldest = this.entries.keys()
  private next = 0

  /** @param store undefined if nothing outlives the process */
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

  /** Whether the same value has been seen before. */
  isDuplicate(headers: FieldTable | undefined, now: number): boolean {
    const value = cacheKey(headers)
    if (value === undefined) return false
    const entry = this.entries.get(value)
    return entry !== undefined && (entry.until === 0 || entry.until >= now)
  }

  /** False if the message is a duplicate; `admits` says whether a new one will be accepted. */
  isFirst(m: InboundMessage, now: number, admits: () => boolean): boolean {
    const headers = headersNamed(m, HEADER, TTL_HEADER)
    if (this.isDuplicate(headers, now)) return false
    if (admits()) this.admit(headers, now)
    return true
  }

  /** Remembers the message's value. */
  admit(headers: FieldTable | undefined, now: number): void {
    const value = cacheKey(headers)
    if (value === undefined) return
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

/** Of long values, by the headers that they are in: a message may pass a thousand exchanges. */
const digests = new WeakMap<FieldTable, string>()

/** Integers are equal whatever their width; other values only to their own type. */
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
 * The text, or the digest of a long one. A digest cannot be mistaken for a text, because texts begin with a type
 * letter.
 */
function shortened(text: string): string {
  if (text.length <= KEY_CHARACTERS_MAX) return text
  return `#${createHash('sha256').update(text).digest('base64').slice(0, DIGEST_CHARACTERS)}`
}

function textOf(v: FieldValue): string | undefined {
  const n = integerOf(v)
  if (n !== undefined) return `i${n}`
  if (v.type === 'S' || v.type === 'x') return `s${v.value.toString('base64')}`
  return v.type === 'V' || v.type === 'F' || v.type === 'A' ? undefined : `${v.type}${String(v.value)}`
}
