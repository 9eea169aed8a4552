/** Looks through a data folder that is not in use, which takes over one of an earlier format first: every value, record and state, and what the journal holds. */
import { existsSync } from 'node:fs'
import { dataFile } from './lmdb/folder.ts'
import { LmdbStorage } from './lmdb/lmdb-storage.ts'
import { decodeBatch } from './log/batch-codec.ts'
import { Journal } from './log/journal.ts'
import { folderDisk } from './log/journal-disk.ts'
import { appliedOf } from './log/logged-storage.ts'
import { type Damage, StorageError } from './storage.ts'

export interface FolderCheck {
  readonly values: number
  readonly segments: number
  readonly records: number
  /** Of earlier formats: they have no checksum. */
  readonly unchecked: number
  /** Batches in the journal that the store does not have yet. */
  readonly batches: number
  readonly damage: readonly Damage[]
  /** Values that were found damaged by a broker and are kept aside. */
  readonly setAside: readonly string[]
}

/** @throws StorageError where the folder is in use or cannot be read, and DAMAGED for the journal */
export async function checkFolder(dir: string, notice: (text: string) => void): Promise<FolderCheck> {
  if (!existsSync(dataFile(dir))) throw new StorageError('UNREADABLE', `there is no data.mdb in ${dir}`)
  const store = await LmdbStorage.open(dir, { notice })
  try {
    const damage: Damage[] = []
    store.onDamage((d) => damage.push(d))
    const counts = store.checkAll()
    let batches = 0
    const journal = await Journal.open(folderDisk(dir), appliedOf(store).position + 1, () => 0)
    try {
      for await (const { bytes } of journal.read(journal.first))
        batches += decodeBatch(bytes).number > 0 ? 1 : 0
    } finally {
      await journal.leave()
    }
    return { ...counts, batches, damage, setAside: store.setAsideKeys() }
  } finally {
    await store.close()
  }
}
