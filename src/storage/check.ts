/**
 * Verifies a data folder that is not in use, converting an earlier format first: every value, record and state, and the
 * journal.
 */
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
  /** Records of earlier formats, without a checksum. */
  readonly unchecked: number
  /** Batches in the journal that are not applied yet. */
  readonly batches: number
  readonly damage: readonly Damage[]
  /** Damaged values that a broker found and kept aside. */
  readonly setAside: readonly string[]
}

/** @throws StorageError if the folder is in use or unreadable; with code DAMAGED if the journal is damaged */
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
