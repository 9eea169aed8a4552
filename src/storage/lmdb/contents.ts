/**
 * A consistent dump of a store as writes that recreate it in an empty one: all databases are read in one read
 * transaction, in key order. Damaged values and spill logs are left out.
 */
import { SPILL_LOGS_FROM, type StorageWrite } from '../storage.ts'
import { recordIsWhole, unsealed } from './keys.ts'

interface Range<T> {
  readonly transaction: T
  readonly snapshot?: boolean
}

interface Readable<K, T> {
  getRange(options: Range<T>): Iterable<{ key: K; value: Buffer }>
}

export interface Databases<T> {
  readonly meta: Readable<string, T>
  readonly segments: Readable<Buffer, T>
  readonly records: Readable<Buffer, T>
  readonly transaction: T
  /** Whether a metadata key is left out. */
  readonly skips: (key: string) => boolean
  /** Dropped logs that are not fully removed. */
  readonly gone: ReadonlySet<number>
}

export function* contentsOf<T>(d: Databases<T>): IterableIterator<StorageWrite> {
  const range = { transaction: d.transaction }
  const skipped = (log: number): boolean => log >= SPILL_LOGS_FROM || d.gone.has(log)
  for (const { key, value } of d.meta.getRange(range)) {
    const whole = d.skips(key) ? undefined : unsealed(key, value)
    if (whole !== undefined) yield { op: 'put', key, value: own(whole) }
  }
  for (const { key, value } of d.segments.getRange(range)) {
    const log = key.readUInt32BE(0)
    const state = skipped(log) ? undefined : unsealed(key, value)
    if (state !== undefined) yield { op: 'segment', log, segment: key.readUInt32BE(4), state: own(state) }
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
  }
}

/** LMDB reuses the memory of its results. */
function own(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
