/** A node's store in memory: it outlives the broker that uses it, but not the process. */

import { MemoryStorage } from '../storage/memory/memory-storage.ts'
import { SPILL_LOGS_FROM, type StorageWrite } from '../storage/storage.ts'
import type { ReplicaStore, ReplicaStores } from './replica-store.ts'

export class MemoryReplicaStore extends MemoryStorage implements ReplicaStore {
  constructor() {
    super({ keeps: true })
  }

  ensureRoom(): void {}

  contents(): IterableIterator<StorageWrite> {
    return this.everything((log) => log < SPILL_LOGS_FROM)
  }
}

export function memoryStores(): ReplicaStores {
  let store = new MemoryReplicaStore()
  return {
    open: async () => store,
    replace: async (fill) => {
      const fresh = new MemoryReplicaStore()
      await fill(fresh)
      store = fresh
    },
  }
}
