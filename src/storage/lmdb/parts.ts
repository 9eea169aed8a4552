/** Helpers of the store for writes, whose failures the batch reports, and for ranges of keys. */
import { type KeyRange, segmentRange } from './keys.ts'

interface Keyed {
  getKeys(range: KeyRange): Iterable<Buffer>
  remove(key: Buffer): Promise<boolean>
}

const LOG_MAX = 0xffff_ffff

/** Removes all keys in a range; returns how many. */
export function removeKeys(db: Keyed, range: KeyRange): number {
  const keys = Array.from(db.getKeys(range), (key) => Buffer.from(key))
  for (const key of keys) watch(db.remove(key))
  return keys.length
}

/** The logs from that number on that have segments. */
export function* logsIn(segments: Pick<Keyed, 'getKeys'>, from: number): Iterable<number> {
  let last: number | undefined
  for (const key of segments.getKeys({ start: segmentRange(from).start, end: segmentRange(LOG_MAX).end })) {
    const log = key.readUInt32BE(0)
    if (log !== last) yield log
    last = log
  }
}

/** Failures are reported by the batch as a whole, not by the promises of its writes. */
export function watch(part: Promise<boolean>): void {
  part.catch(reported)
}

function reported(error: unknown): void {
  const { commitError } = error as { commitError?: Promise<never> }
  commitError?.catch(() => {})
}
