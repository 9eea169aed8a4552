/** What is found in a list of segments, which are in the order of their messages. */
import { checksDear, invariant } from '../../util/invariant.ts'
import type { Segment } from './segment.ts'

/** The last segment for which it holds; it holds for those in front too. */
export function lastWhere(segments: readonly Segment[], holds: (s: Segment) => boolean): Segment {
  let low = 0
  let high = segments.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (holds(segments[middle] as Segment)) low = middle
    else high = middle - 1
  }
  return segments[low] as Segment
}

/** The segment of that message. */
export function segmentAt(segments: readonly Segment[], number: number): Segment {
  let low = 0
  let high = segments.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((segments[middle] as Segment).base <= number) low = middle
    else high = middle - 1
  }
  return segments[low] as Segment
}

/** When the next message expires, in ms since 1970; 0 = never. */
export function soonestExpiry(segments: readonly Segment[]): number {
  let soonest = 0
  for (const { soonest: at } of segments) if (at !== 0 && (soonest === 0 || at < soonest)) soonest = at
  return soonest
}

/** Dear: every message that is not settled is ready or unacked. */
export function checkSum(segments: readonly Segment[], ready: number, unacked: number): void {
  if (!checksDear) return
  const live = segments.reduce((n, s) => n + s.live, 0)
  invariant(live === ready + unacked, `${live} messages are there, ${ready} ready and ${unacked} unacked`)
}

/** Octets of segments in memory. */
export function residentBytes(segments: readonly Segment[]): number {
  return segments.reduce((n, s) => n + (s.bytes?.length ?? 0), 0)
}
