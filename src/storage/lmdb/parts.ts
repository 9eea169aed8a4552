/** Helpers of the store for writes, whose failures the batch reports, and for ranges of keys. */
import { LOG_NUMBER_MAX } from '../storage.ts'
import { type KeyRange, segmentRange } from './keys.ts'

interface Keyed {
  getKeys(range: KeyRange): Iterable<Buffer>
  getKeys(backwards: { reverse: true; limit: number }): Iterable<Buffer>
  remove(key: Buffer): Promise<boolean>
}

/** Removes all keys in a range; returns how many. */
export function removeKeys(db: Keyed, range: KeyRange): number {
  const keys = Array.from(db.getKeys(range), (key) => Buffer.from(key))
  for (const key of keys) watch(db.remove(key))
  return keys.length
}

/** The logs from that number on that have segments. */
export function* logsIn(segments: Pick<Keyed, 'getKeys'>, from: number): Iterable<number> {
  let last: number | undefined
  for (const key of segments.getKeys({
    start: segmentRange(from).start,
    end: segmentRange(LOG_NUMBER_MAX).end,
  })) {
    const log = key.readUInt32BE(0)
    if (log !== last) yield log
    last = log
  }
}

/** The logs from that number on of which any of the databases has a key. */
export function logsFrom(databases: readonly Pick<Keyed, 'getKeys'>[], from: number): ReadonlySet<number> {
  const found = new Set<number>()
  for (const db of databases)
    for (let at = from; at <= LOG_NUMBER_MAX; at++) {
      const range: KeyRange = {
        start: segmentRange(at).start,
        end: segmentRange(LOG_NUMBER_MAX).end,
        limit: 1,
      }
      const [key] = db.getKeys(range)
      if (key === undefined) break
      at = key.readUInt32BE(0)
      found.add(at)
    }
  return found
}

/** The highest number of a log of which any of the databases has a key, or that is among the others; 0 = there is none. */
export function highestLog(databases: readonly Pick<Keyed, 'getKeys'>[], others: Iterable<number>): number {
  let highest = 0
  for (const log of others) highest = Math.max(highest, log)
  for (const db of databases)
    for (const key of db.getKeys({ reverse: true, limit: 1 }))
      highest = Math.max(highest, key.readUInt32BE(0))
  return highest
}

/** Failures are reported by the batch as a whole, not by the promises of its writes. */
export function watch(part: Promise<boolean>): void {
  part.catch(reported)
}

function reported(error: unknown): void {
  const { commitError } = error as { commitError?: Promise<never> }
  commitError?.catch(() => {})
}
