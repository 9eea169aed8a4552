/**
 * How LMDB brings a commit to the disk. By default lmdb-js lets commits and their way to the disk overlap: the header
 * that says what is on disk is written last, and if the disk refuses that, the commit is reported as done, the native
 * code ends the next one without an answer, and closing waits for ever. Here a commit is on disk when it is reported,
 * as LMDB has it by itself, and every refused call fails the commit that made it. Nothing is slower: batches are
 * written one after another, and each waits for the disk.
 */
import { ABORT, open, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb'
import { newestOverlaps } from './data-file.ts'
import { dataFile } from './folder.ts'

/** What all of Leveret's stores are opened with. */
export function optionsFor(dir: string): RootDatabaseOptionsWithPath {
  // Explicit, because a dot in the folder's name would be taken for a file extension.
  return { path: dir, noSubdir: false, maxDbs: 8, overlappingSync: false }
}

/**
 * A folder of a release whose commits overlapped: after a power cut its newest commit may be there in part. Opening it in
 * that way takes back what is not known to be on disk.
 */
export async function takeBackUnsynced(dir: string): Promise<void> {
  if (newestOverlaps(dataFile(dir))) await open({ ...optionsFor(dir), overlappingSync: true }).close()
}

/** Where lmdb-js keeps the cursor of the last range of a database for the next one. */
interface WithCursor {
  db?: { availableCursor?: { close(): void } | null }
}

interface Keyed {
  getKeys(range: { limit: number }): Iterable<unknown>
}

/**
 * Closes a store and leaves no memory behind. lmdb-js keeps the list of free pages that a commit has read for the next
 * one, where LMDB frees it, and its `mdb_env_close` knows nothing of that (3.5.6): at every close, 8 octets and more for
 * each gap in the file would be lost. A transaction that is given up frees the list, and the disk has no part in it.
 * Nor are the cursors freed that it keeps, 400 octets each.
 */
export async function closeStore(root: RootDatabase, databases: readonly Keyed[]): Promise<void> {
  try {
    // Else a commit on its way would be cut in two.
    await root.committed
    for (const database of databases) closeCursor(database)
    root.transactionSync(() => ABORT)
  } catch {
    // That commit has failed, or it is closed already.
  }
  await root.close()
}

function closeCursor(database: Keyed & WithCursor): void {
  // The transaction of the cursor may be gone; whoever uses it gives it another one.
  for (const _ of database.getKeys({ limit: 1 }));
  const { db } = database
  if (!db?.availableCursor) return
  db.availableCursor.close()
  db.availableCursor = null
}
