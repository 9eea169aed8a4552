/** Writes of a batch, whose failure the batch reports. */
import type { KeyRange } from './keys.ts'

interface Keyed {
  getKeys(range: KeyRange): Iterable<Buffer>
  remove(key: Buffer): Promise<boolean>
}

/** Removes all keys in a range; returns how many. */
export function removeKeys(db: Keyed, range: KeyRange): number {
  const keys = Array.from(db.getKeys(range), (key) => Buffer.from(key))
  for (const key of keys) watch(db.remove(key))
  return keys.length
}

/** Failures are reported by the batch as a whole, not by the promises of its writes. */
export function watch(part: Promise<boolean>): void {
  part.catch(reported)
}

function reported(error: unknown): void {
  const { commitError } = error as { commitError?: Promise<never> }
  commitError?.catch(() => {})
}
