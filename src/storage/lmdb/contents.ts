/**
 * A consistent dump of a store as writes that recreate it in an empty one: all databases are read in one read
 * transaction, in key order. Damaged values and spill logs are left out.
 */
import { SPILL_LOGS_FROM, StorageError, type StorageWrite } from '../storage.ts'
import { recordIsWhole, unsealed } from './keys.ts'

interface Range<T> {
  readonly transaction: T
  readonly snapshot?: boolean
}

interface Readable<K, T> {
  getRange(options: Range<T>): Iterable<{ key: K; value: Buffer }>
}

export interface Databases<T extends { done(): void }> {
  readonly meta: Readable<string, T>
  readonly segments: Readable<Buffer, T>
  readonly records: Readable<Buffer, T>
  readonly transaction: T
  /** Of metadata. */
  readonly skips: (key: string) => boolean
  /** Dropped logs that are not fully removed. */
  readonly gone: ReadonlySet<number>
  /** The store is closed and its memory unmapped. */
  readonly closed: () => boolean
  readonly done: () => void
}

export function* contentsOf<T extends { done(): void }>(d: Databases<T>): IterableIterator<StorageWrite> {
  const range = { transaction: d.transaction }
  const check = (): void => {
    if (d.closed()) throw new StorageError('IO', 'the store was closed while it was read')
  }
  const skipped = (log: number): boolean => log >= SPILL_LOGS_FROM || d.gone.has(log)
  try {
    for (const { key, value } of d.meta.getRange(range)) {
      const whole = d.skips(key) ? undefined : unsealed(key, value)
      if (whole !== undefined) yield { op: 'put', key, value: own(whole) }
      check()
    }
    for (const { key, value } of d.segments.getRange(range)) {
      const log = key.readUInt32BE(0)
      const state = skipped(log) ? undefined : unsealed(key, value)
      if (state !== undefined) yield { op: 'segment', log, segment: key.readUInt32BE(4), state: own(state) }
      check()
    }
    for (const { key, value } of d.records.getRange(range)) {
      const log = key.readUInt32BE(0)
      if (!skipped(log) && recordIsWhole(key, value))
        yield {
          op: 'record',
          log,
          segment: key.readUInt32BE(4),
          index: key.readUInt32BE(8),
          bytes: own(value),
        }
      check()
    }
  } finally {
    d.done()
  }
}

/** LMDB reuses the memory of its results. */
function own(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
