/**
 * Stores the caches of deduplication.ts as metadata: one small value per entry, in the same batch as its message. There
 * may be millions: those of an owner that is deleted go in steps. A mark, in the batch of the deletion, says up to which
 * number they are nobody's, for another owner of that name and for the next start.
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

/** What former owners of a name have left. */
interface Leftover {
  /** Their numbers are lower. */
  end: number
  /** Removals under way. */
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

/** Of one broker. */
export class DeduplicationStores {
  readonly commit: GroupCommit
  private readonly storage: Storage
  private readonly later: (steps: Steps) => void
  private readonly leftovers = new Map<string, Leftover>()
  /** Owners whose removals are over, with the batch; in order. */
  private over: { readonly owner: string; readonly batch: number }[] = []

  /** @param later sees to what takes several turns */
  constructor(storage: Storage, commit: GroupCommit, later: (steps: Steps) => void) {
    this.storage = storage
    this.commit = commit
    this.later = later
  }

  /** @param whose its owner: what it is, its vhost and its name */
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

  /** At a start, before anything is restored: what an earlier run has not removed to the end. */
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

  /** The number from which on those of a new owner are counted. */
  leftOver(owner: string): number {
    return this.leftovers.get(owner)?.end ?? 0
  }

  *entries(owner: string): Iterable<{ number: number; stored: Uint8Array }> {
    const prefix = `${PREFIX}${owner}:`
    for (const { key, value } of this.storage.scan(prefix))
      yield { number: Number.parseInt(key.slice(prefix.length), 16), stored: value }
  }

  /** @param end greater than all of the numbers */
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

  /** Those of which the store knows nothing any more. */
  private dropOver(): void {
    const { applied } = this.commit
    const count = this.over.findIndex(({ batch }) => batch > applied)
    for (const { owner } of this.over.splice(0, count < 0 ? this.over.length : count))
      if (this.leftovers.get(owner)?.removals === 0) this.leftovers.delete(owner)
  }
}

/** undefined for an entry that cannot be read: its message may be accepted twice, but the queue or exchange starts. */
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
