/**
 * Stores the caches of deduplication.ts as metadata: one small value per entry, in the same batch as its message. A
 * cache may have millions of entries, so those of a deleted queue or exchange (the owner) are removed in steps. The
 * batch of the deletion also stores a mark: entries numbered below it are stale. A new owner of the same name and the
 * next start ignore them.
 */
import { FORGOTTEN_PER_STEP } from '../limits.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import type { GroupCommit } from '../storage/batch.ts'
import type { Storage } from '../storage/storage.ts'
import { identityDigest } from '../util/stored-objects.ts'
import { Deduplication, type DeduplicationStore } from './deduplication.ts'
import { inSteps, type Steps } from './jobs.ts'

const NUMBER_DIGITS = 14
const PREFIX = 'dedup:'
const MARK_PREFIX = 'dedup-gone:'

/** Entries left behind by deleted owners of a name. */
interface Leftover {
  /** Entries numbered below this are stale. */
  end: number
  /** Number of removals in progress. */
  removals: number
}

class StoredDeduplication implements DeduplicationStore {
  readonly first: number
  private readonly owner: string
  private readonly stores: DeduplicationStores

  constructor(owner: string, stores: DeduplicationStores) {
    this.owner = owner
    this.stores = stores
    this.first = stores.leftOver(owner)
  }

  *load(): Iterable<{ number: number; value: string; until: number }> {
    for (const { number, stored } of this.stores.entries(this.owner)) {
      const entry = number < this.first ? undefined : parse(stored)
      if (entry !== undefined) yield { number, value: entry[0], until: entry[1] }
    }
  }

  put(number: number, value: string, until: number): void {
    this.stores.commit.put(keyOf(this.owner, number), Buffer.from(JSON.stringify([value, until])))
  }

  delete(number: number): void {
    this.stores.commit.delete(keyOf(this.owner, number))
  }

  destroy(numbers: Iterable<number>, end: number): void {
    this.stores.forget(this.owner, numbers, end)
  }
}

function keyOf(owner: string, number: number): string {
  return `${PREFIX}${owner}:${number.toString(16).padStart(NUMBER_DIGITS, '0')}`
}

/** The deduplication caches of one broker. */
export class DeduplicationStores {
  readonly commit: GroupCommit
  private readonly storage: Storage
  private readonly later: (steps: Steps) => void
  private readonly leftovers = new Map<string, Leftover>()
  /** Owners whose stale entries are all removed, with the batch that removes the mark; ordered by batch. */
  private over: { readonly owner: string; readonly batch: number }[] = []

  /** @param later runs work that takes several turns of the event loop */
  constructor(storage: Storage, commit: GroupCommit, later: (steps: Steps) => void) {
    this.storage = storage
    this.commit = commit
    this.later = later
  }

  /** @param whose the owner: its type, vhost and name */
  of(
    whose: readonly ['exchange' | 'queue', string, string],
    { durable, arguments: args }: { readonly durable: boolean; readonly arguments: FieldTable },
  ): Deduplication {
    const store = durable && this.commit.keeps ? this.storeOf(identityDigest(whose)) : undefined
    return new Deduplication(args, store)
  }

  storeOf(owner: string): DeduplicationStore {
    return new StoredDeduplication(owner, this)
  }

  /** Called at startup before anything is restored: resumes the removals that an earlier run did not complete. */
  restore(): void {
    for (const { key, value } of this.storage.scan(MARK_PREFIX)) {
      const end = Number(Buffer.from(value).toString())
      const owner = key.slice(MARK_PREFIX.length)
      if (Number.isSafeInteger(end)) this.leftovers.set(owner, { end, removals: 0 })
    }
    for (const [owner, { end }] of this.leftovers) {
      const left = Array.from(this.entries(owner), (e) => e.number).filter((n) => n < end)
      this.forget(owner, left, end)
    }
  }

  /** The first number that a new owner of that name may use for its entries. */
  leftOver(owner: string): number {
    return this.leftovers.get(owner)?.end ?? 0
  }

  *entries(owner: string): Iterable<{ number: number; stored: Uint8Array }> {
    const prefix = `${PREFIX}${owner}:`
    for (const { key, value } of this.storage.scan(prefix))
      yield { number: Number.parseInt(key.slice(prefix.length), 16), stored: value }
  }

  /** @param end greater than all `numbers` */
  forget(owner: string, numbers: Iterable<number>, end: number): void {
    if (end === 0) return
    this.dropOver()
    const left = this.leftovers.get(owner) ?? { end, removals: 0 }
    left.end = Math.max(left.end, end)
    left.removals++
    this.leftovers.set(owner, left)
    this.commit.put(MARK_PREFIX + owner, Buffer.from(String(left.end)))
    this.later(this.forgetting(owner, left, numbers))
  }

  private *forgetting(owner: string, left: Leftover, numbers: Iterable<number>): Steps {
    yield* inSteps(numbers, FORGOTTEN_PER_STEP, (n) => this.commit.delete(keyOf(owner, n)))
    if (--left.removals > 0) return
    this.commit.delete(MARK_PREFIX + owner)
    this.over.push({ owner, batch: this.commit.number })
  }

  /** Drops the leftovers whose removal has been applied to the store. */
  private dropOver(): void {
    const { applied } = this.commit
    const count = this.over.findIndex(({ batch }) => batch > applied)
    for (const { owner } of this.over.splice(0, count < 0 ? this.over.length : count))
      if (this.leftovers.get(owner)?.removals === 0) this.leftovers.delete(owner)
  }
}

/** undefined for an unreadable entry: a duplicate may then be accepted, but the queue or exchange still starts. */
function parse(value: Uint8Array): [text: string, until: number] | undefined {
  try {
    const entry = JSON.parse(Buffer.from(value).toString()) as unknown
    if (!Array.isArray(entry)) return undefined
    const [text, until] = entry as unknown[]
    return typeof text === 'string' && typeof until === 'number' ? [text, until] : undefined
  } catch {
    return undefined
  }
}
