/** What a node of a cluster needs of its store beyond what a broker does, and what it keeps there about the shared log. */
import { type AppliedStorage, appliedOf } from '../storage/log/logged-storage.ts'
import type { StorageWrite } from '../storage/storage.ts'
import { type Place, startOfLog } from './ledger.ts'

export interface ReplicaStore extends AppliedStorage {
  /**
   * Everything that is replicated, as it is at this moment, however long it takes to read it: writes that make an empty
   * store equal, with octets of their own. Whoever does not read it to its end calls `return`.
   */
  contents(): IterableIterator<StorageWrite>
}

export interface ReplicaStores {
  /** @throws StorageError */
  open(): Promise<ReplicaStore>
  /** Fills an empty store, which takes the place of the one that was; that one is closed. @throws StorageError, or what `fill` does */
  replace(fill: (store: ReplicaStore) => Promise<void>): Promise<void>
}

export interface StoredPlace extends Place {
  /** Of the log that the store is a part of; undefined where it never was of any. */
  readonly log: string | undefined
}

export const startOfStore: StoredPlace = { ...startOfLog, log: undefined }

/** How far the store has the shared log. */
export function storedPlace(store: ReplicaStore): StoredPlace {
  const { position, sequence, epoch, owner, log } = appliedOf(store) as {
    position: number
  } & Partial<StoredPlace>
  if (log === undefined || sequence === undefined || epoch === undefined || owner === undefined)
    return { ...startOfLog, number: position, log: undefined }
  return { sequence, epoch, owner, number: position, log }
}
