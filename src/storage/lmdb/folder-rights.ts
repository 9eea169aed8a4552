/**
 * The data folder and its files are accessible to their owner only, since they contain messages and password hashes.
 */
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** Access bits of group and others. */
const OTHERS = 0o077

const OWN_FILE = /^(data\.mdb|lock\.mdb|leveret\.(store|ended)|.*\.journal)$/

/**
 * Removes the access of group and others. A folder that also contains other files, such as a home folder, keeps its
 * mode.
 *
 * @param foreign whether the folder contains other files
 * @param notice called with what was changed for an existing store
 */
export function keepToOwner(dir: string, foreign: boolean, notice: (text: string) => void): void {
  if (process.platform === 'win32') return
  const changed: string[] = []
  const restrict = (path: string, name: string, mode: number): void => {
    try {
      if ((statSync(path).mode & OTHERS) === 0) return
      chmodSync(path, mode)
      // LMDB recreates this file if it is missing; it contains no data.
      if (name !== 'lock.mdb') changed.push(name)
    } catch {
      // Deleted meanwhile, or owned by another user, who decides about access.
    }
  }
  if (!foreign) restrict(dir, 'the folder', FOLDER_MODE)
  for (const name of readdirSync(dir)) if (OWN_FILE.test(name)) restrict(join(dir, name), name, FILE_MODE)
  if (changed.length > 0)
    notice(
      `the data folder ${dir} was open to other users; now it is its owner's alone: ${changed.join(', ')}`,
    )
}

/** Whether the folder contains files that do not belong to a store. */
export function hasOthersFiles(dir: string): boolean {
  return readdirSync(dir).some(
    (name) => !OWN_FILE.test(name) && !/^(broker\.lock.*|control\.sock)$/.test(name),
  )
}
