/**
 * How LMDB syncs commits. By default, lmdb-js overlaps commits with syncing: the header that says what is on disk is
 * written last, and if the disk refuses it, the commit is reported as done, the native code ends the next commit
 * without an answer, and closing never returns. With the options here, a commit is on disk when it is reported, as in
 * plain LMDB, and every failed system call fails the commit that made it. Nothing is slower: batches are written one
 * after another, and each waits for the disk.
 */
import { ABORT, open, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb'
import { newestOverlaps } from './data-file.ts'
import { dataFile } from './folder.ts'

/** Options with which all of Leveret's stores are opened. */
export function optionsFor(dir: string): RootDatabaseOptionsWithPath {
  // noSubdir is explicit, because a dot in the folder's name would be taken for a file extension.
  return { path: dir, noSubdir: false, maxDbs: 8, overlappingSync: false }
}

/**
 * Rolls a store of a release whose commits overlapped back to what is known to be on disk: after a power cut, its
 * newest commit may be incomplete. Opening it with overlapping commits does that.
 */
export async function takeBackUnsynced(dir: string): Promise<void> {
  if (newestOverlaps(dataFile(dir))) await open({ ...optionsFor(dir), overlappingSync: true }).close()
}

/** The field in which lmdb-js keeps the cursor of a database's last range for the next range. */
interface WithCursor {
  db?: { availableCursor?: { close(): void } | null }
}

interface Keyed {
  getKeys(range: { limit: number }): Iterable<unknown>
}

/**
 * Closes a store without leaking memory. lmdb-js (3.5.6) keeps the list of free pages that a commit has read for the
 * next commit, where LMDB frees it, but `mdb_env_close` does not free it: every close would leak 8 octets or more for
 * each gap in the file. Aborting a transaction frees the list, without access to the disk. Nor does closing free the
 * cursors that lmdb-js keeps, 400 octets each.
 */
export async function closeStore(root: RootDatabase, databases: readonly Keyed[]): Promise<void> {
  try {
    // Otherwise closing would interrupt a commit in progress.
    await root.committed
    for (const database of databases) closeCursor(database)
    root.transactionSync(() => ABORT)
  } catch {
    // That commit has failed, or the store is closed already.
  }
  await root.close()
}

function closeCursor(database: Keyed & WithCursor): void {
  // The cursor's transaction may have ended; using the cursor gives it another one.
  for (const _ of database.getKeys({ limit: 1 }));
  const { db } = database
  if (!db?.availableCursor) return
  db.availableCursor.close()
  db.availableCursor = null
}
