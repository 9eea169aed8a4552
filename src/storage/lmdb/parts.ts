/** Parts of a batch; the batch as a whole reports a failure. */
import type { KeyRange } from './keys.ts'

interface Keyed {
  getKeys(range: KeyRange): Iterable<Buffer>
  remove(key: Buffer): Promise<boolean>
}

/** Removes what is on disk in that range; returns how many. */
export function removeKeys(db: Keyed, range: KeyRange): number {
  const keys = Array.from(db.getKeys(range), (key) => Buffer.from(key))
  for (const key of keys) watch(db.remove(key))
  return keys.length
}

/** The batch as a whole reports a failure; the promises of its parts must not report it again. */
export function watch(part: Promise<boolean>): void {
  part.catch(reported)
}

function reported(error: unknown): void {
  const { commitError } = error as { commitError?: Promise<never> }
  commitError?.catch(() => {})
}
