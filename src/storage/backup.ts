/** Copies of data folders: backups made by a running broker, and their restoration. */
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { copyFile, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { checkFolder, type FolderCheck } from './check.ts'
import { dataFile, makeFolder } from './lmdb/folder.ts'
import { type Storage, StorageError } from './storage.ts'

/** Suffix of the folder that is filled and then renamed to the final name; a leftover one is replaced. */
const PARTIAL = '.partial'

/** The files of a store that are copied; locks and sockets are created anew. */
const KEPT = /^(data\.mdb|leveret\.(store|ended)|.*\.journal)$/

/**
 * Copies the broker's folder, completely or not at all.
 * @param dir empty or absent
 * @throws StorageError
 */
export async function backUp(storage: Storage, dir: string): Promise<void> {
  if (storage.copyTo === undefined) throw new StorageError('IO', 'this broker keeps nothing on disk')
  await whole(dir, (partial) => (storage.copyTo as (to: string) => Promise<void>)(partial))
}

/**
 * Restores a backup, or the folder of a broker that has ended, as a data folder.
 * @param to empty or absent
 * @throws StorageError, also if the copy is damaged
 */
export async function restoreFolder(
  from: string,
  to: string,
  notice: (text: string) => void,
): Promise<FolderCheck> {
  if (!existsSync(dataFile(from)))
    throw new StorageError('UNREADABLE', `there is no data.mdb in ${from}: it is not a backup`)
  let found: FolderCheck | undefined
  await whole(to, async (partial) => {
    for (const name of readdirSync(from))
      if (KEPT.test(name)) await copyFile(join(from, name), join(partial, name))
    found = await checkFolder(partial, notice)
    const [damage] = found.damage
    if (damage !== undefined)
      throw new StorageError(
        'DAMAGED',
        `the copy is damaged: ${JSON.stringify(damage)}; nothing was restored`,
      )
    for (const name of readdirSync(partial)) {
      if (!KEPT.test(name)) rmSync(join(partial, name), { force: true })
      else await synced(join(partial, name))
    }
  })
  return found as FolderCheck
}

async function whole(dir: string, fill: (partial: string) => Promise<void>): Promise<void> {
  if (existsSync(dir) && (!lstatSync(dir).isDirectory() || readdirSync(dir).length > 0))
    throw new StorageError(
      'UNREADABLE',
      `${dir} is not empty; choose an empty folder, or one that does not exist yet`,
    )
  const partial = dir + PARTIAL
  try {
    rmSync(partial, { recursive: true, force: true })
    makeFolder(partial)
    await fill(partial)
    await synced(partial)
    // Replaces the empty folder, if there is one.
    await rename(partial, dir)
    await synced(dirname(dir))
  } catch (error) {
    if (existsSync(partial)) rmSync(partial, { recursive: true, force: true })
    if (error instanceof StorageError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new StorageError(code === 'ENOSPC' ? 'FULL' : 'IO', `cannot write to ${dir}: ${message}`, error)
  }
}

async function synced(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
