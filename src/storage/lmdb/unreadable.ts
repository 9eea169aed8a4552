import { StorageError } from '../storage.ts'

/** @param what the problem and its location in the file */
export function unreadable(file: string, what: string, cause?: unknown): StorageError {
  return new StorageError(
    'UNREADABLE',
    `cannot read the store's file ${file}: ${what}; restore the data folder from a backup`,
    cause,
  )
}

export function toStorageError(cause: unknown, what: string): StorageError {
  const text = cause instanceof Error ? cause.message : String(cause)
  return new StorageError('IO', `${what}: ${text}`, cause)
}

/** @throws StorageError for databases of another program */
export function checkNames(names: Iterable<unknown>, ours: readonly unknown[], file: string): void {
  for (const name of names)
    if (!ours.includes(name))
      throw unreadable(file, `it is the store of another program, with ${JSON.stringify(name)} in it`)
}
