import { StorageError } from '../storage.ts'

/** @param what is wrong, and where in the file */
export function unreadable(file: string, what: string, cause?: unknown): StorageError {
  return new StorageError(
    'UNREADABLE',
    `cannot read the store's file ${file}: ${what}; restore the data folder from a backup`,
    cause,
  )
}
