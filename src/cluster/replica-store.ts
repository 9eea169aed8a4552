/** The store of a cluster node: its operations beyond those that a broker needs, and its place in the shared log. */
import { type AppliedStorage, appliedOf } from '../storage/log/logged-storage.ts'
import type { StorageWrite } from '../storage/storage.ts'
import { type Place, startOfLog } from './ledger.ts'

export interface ReplicaStore extends AppliedStorage {
  /**
   * A snapshot of everything that is replicated, as of this moment, however long reading it takes: writes that
   * reproduce it in an empty store, with octets of their own. A caller that does not read to the end must call
   * `return`.
   */
  contents(): IterableIterator<StorageWrite>
}

export interface ReplicaStores {
  /** @throws StorageError */
  open(): Promise<ReplicaStore>
  /**
   * Fills an empty store, which takes the place of the previous, closed one. @throws StorageError, or the error of
   * `fill`
   */
  replace(fill: (store: ReplicaStore) => Promise<void>): Promise<void>
}

export interface StoredPlace extends Place {
  /** Identifies the log that the store follows; undefined if it has never followed one. */
  readonly log: string | undefined
}

export const startOfStore: StoredPlace = { ...startOfLog, log: undefined }

/** How far the store has applied the shared log. */
export function storedPlace(store: ReplicaStore): StoredPlace {
  const { position, sequence, epoch, owner, log } = appliedOf(store) as {
    position: number
  } & Partial<StoredPlace>
  if (log === undefined || sequence === undefined || epoch === undefined || owner === undefined)
    return { ...startOfLog, number: position, log: undefined }
  return { sequence, epoch, owner, number: position, log }
}
