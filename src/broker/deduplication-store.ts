/** Stores the caches of deduplication.ts as metadata: one small value per entry, in the same batch as its message. */
import type { FieldTable } from '../protocol/field-table.ts'
import type { GroupCommit } from '../storage/batch.ts'
import type { Storage } from '../storage/storage.ts'
import { identityDigest } from '../util/stored-objects.ts'
import { Deduplication, type DeduplicationStore } from './deduplication.ts'

const NUMBER_DIGITS = 14

export class StoredDeduplication implements DeduplicationStore {
  private readonly prefix: string
  private readonly storage: Storage
  private readonly commit: GroupCommit

  /** @param owner unique name of the cache's owner */
  constructor(owner: string, storage: Storage, commit: GroupCommit) {
    this.prefix = `dedup:${owner}:`
    this.storage = storage
    this.commit = commit
  }

  private key(number: number): string {
    return this.prefix + number.toString(16).padStart(NUMBER_DIGITS, '0')
  }

  *load(): Iterable<{ number: number; value: string; until: number }> {
    for (const { key, value } of this.storage.scan(this.prefix)) {
      const number = Number.parseInt(key.slice(this.prefix.length), 16)
      const entry = parse(value)
      if (entry !== undefined) yield { number, value: entry[0], until: entry[1] }
    }
  }

  put(number: number, value: string, until: number): void {
    this.commit.put(this.key(number), Buffer.from(JSON.stringify([value, until])))
  }

  delete(number: number): void {
    this.commit.delete(this.key(number))
  }

  destroy(numbers: Iterable<number>): void {
    for (const n of numbers) this.delete(n)
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

/** @param whose its owner: what it is, its vhost and its name */
export function deduplicationOf(
  whose: readonly ['exchange' | 'queue', string, string],
  { durable, arguments: args }: { readonly durable: boolean; readonly arguments: FieldTable },
  storage: Storage,
  commit: GroupCommit,
): Deduplication {
  if (!durable || !commit.keeps) return new Deduplication(args, undefined)
  return new Deduplication(args, new StoredDeduplication(identityDigest(whose), storage, commit))
}
