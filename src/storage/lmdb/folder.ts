/** The folder of the store, and the marker file that says whether it has had one. */
import { accessSync, constants, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pause } from '../../util/timers.ts'
import { StorageError } from '../storage.ts'
import { checkDataFile } from './data-file.ts'
import { FOLDER_MODE } from './folder-rights.ts'
import { unreadable } from './unreadable.ts'

/** Marks a folder that has had a store, whose file must then exist. */
const MARKER_FILE = 'leveret.store'
const MARKER_TEXT =
  'A broker keeps its data in this folder. While this file is here, a missing or empty data.mdb is an error.\n'

export function dataFile(dir: string): string {
  return join(dir, 'data.mdb')
}

/** @throws StorageError UNREADABLE */
export function makeFolder(dir: string): void {
  try {
    makeAll(resolve(dir))
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new StorageError('UNREADABLE', `cannot read and write the data folder ${dir} (${code})`, cause)
  }
}

/** One by one, because Node's recursive mkdir does not return if the system refuses with ENOENT. */
function makeAll(dir: string): void {
  const above = dirname(dir)
  if (above !== dir && !existsSync(above)) makeAll(above)
  try {
    mkdirSync(dir, { mode: FOLDER_MODE })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(dir).isDirectory()) throw error
  }
}

/**
 * Whether the folder has a complete store; false before the first start has completed.
 * @throws StorageError UNREADABLE if it has something else, or lacks the store it had
 */
export function hasStore(dir: string, notice: (text: string) => void): boolean {
  const file = dataFile(dir)
  const isMarked = existsSync(join(dir, MARKER_FILE))
  if (checkDataFile(file, notice) || !isMarked) return isMarked
  const what = existsSync(file) ? 'it is empty' : 'it is missing'
  throw unreadable(file, `${what}, though the folder has had a store (${MARKER_FILE} is there)`)
}

/** Octets that LMDB needs to create its files, with some to spare. */
const FILES_BYTES = 64 * 1024

/**
 * Writes and syncs as many octets as LMDB is about to: its native code ends the process if it cannot create its files.
 * @throws the system's error
 */
export async function tryDisk(dir: string): Promise<void> {
  if (existsSync(dataFile(dir)) && existsSync(join(dir, 'lock.mdb'))) return
  const path = join(dir, 'leveret.trial')
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(Buffer.alloc(FILES_BYTES))
    await file.datasync()
  } finally {
    await file.close()
    await unlink(path)
  }
}

/** Creates the marker file. If that fails, for example because the disk is full, the next start tries again. */
export function markFolder(dir: string): void {
  try {
    writeFileSync(join(dir, MARKER_FILE), MARKER_TEXT, { mode: 0o600 })
  } catch {}
}

/** ms between syncs of a copy in progress. */
const COPY_SYNC_MS = 20

/**
 * Syncs a copy while it grows. LMDB does not sync it, so the system would write it all at once at the end, delaying
 * other writes.
 * @param copied resolves when LMDB is done
 */
export async function syncCopy(dir: string, copied: Promise<void>): Promise<void> {
  const progress = { done: false }
  const ended = copied.finally(() => {
    progress.done = true
  })
  ended.catch(() => {})
  const flags = constants.O_RDWR | constants.O_CREAT
  while (!progress.done && !existsSync(dataFile(dir))) await Promise.race([pause(COPY_SYNC_MS), ended])
  const file = await open(dataFile(dir), flags)
  try {
    await file.chmod(0o600)
    while (!progress.done) {
      await Promise.race([pause(COPY_SYNC_MS), ended])
      await file.datasync()
    }
    await ended
    await file.sync()
  } finally {
    await file.close()
    await ended
  }
  markFolder(dir)
}
