/**
 * How LMDB brings a commit to the disk. By default lmdb-js lets commits and their way to the disk overlap: the header
 * that says what is on disk is written last, and if the disk refuses that, the commit is reported as done, the native
 * code ends the next one without an answer, and closing waits for ever. Here a commit is on disk when it is reported,
 * as LMDB has it by itself, and every refused call fails the commit that made it. Nothing is slower: batches are
 * written one after another, and each waits for the disk.
 */
import { open, type RootDatabaseOptionsWithPath } from 'lmdb'
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
