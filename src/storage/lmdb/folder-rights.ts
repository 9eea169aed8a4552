/** The data folder and its files are for their owner alone: messages and hashes of passwords are in them. */
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** Of the group and of everybody else. */
const OTHERS = 0o077

const OWN_FILE = /^(data\.mdb|lock\.mdb|leveret\.store|.*\.journal)$/

/**
 * Takes the others their rights. The folder's are left where it holds what is no store's, such as a home folder.
 *
 * @param foreign that is so
 * @param notice told what has changed of a store that was there before
 */
export function keepToOwner(dir: string, foreign: boolean, notice: (text: string) => void): void {
  if (process.platform === 'win32') return
  const changed: string[] = []
  const restrict = (path: string, name: string, mode: number): void => {
    try {
      if ((statSync(path).mode & OTHERS) === 0) return
      chmodSync(path, mode)
      // LMDB makes this one anew where it is missing, and there is nothing in it.
      if (name !== 'lock.mdb') changed.push(name)
    } catch {
      // Gone meanwhile, or somebody else's: then it is theirs to say who may read it.
    }
  }
  if (!foreign) restrict(dir, 'the folder', FOLDER_MODE)
  for (const name of readdirSync(dir)) if (OWN_FILE.test(name)) restrict(join(dir, name), name, FILE_MODE)
  if (changed.length > 0)
    notice(
      `the data folder ${dir} was open to other users; now it is its owner's alone: ${changed.join(', ')}`,
    )
}

/** Whether there is anything in it that a store does not have. */
export function hasOthersFiles(dir: string): boolean {
  return readdirSync(dir).some(
    (name) => !OWN_FILE.test(name) && !/^(broker\.lock.*|control\.sock)$/.test(name),
  )
}
