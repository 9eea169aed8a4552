/** Searches in a list of segments in the order of their messages. */
import { checksDear, invariant } from '../../util/invariant.ts'
import { type Segment, STATE_DELIVERED, STATE_UNACKED } from './segment.ts'

/** The last segment for which `holds` is true; it must be true for all segments before it. */
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

/** The segment that contains the message. */
export function segmentAt(segments: readonly Segment[], sequence: number): Segment {
  return lastWhere(segments, (s) => s.base <= sequence)
}

/** Whether the segment has unacknowledged messages; it need not be loaded. */
function hasUnacked({ bytes, states, packedStates, count }: Segment): boolean {
  // Unacknowledged = both bits of the message are set.
  if (bytes === undefined) return packedStates?.some((b) => (b & (b >> 1) & 0x55) !== 0) === true
  const used = states.subarray(0, count)
  return used.includes(STATE_UNACKED | STATE_DELIVERED) || used.includes(STATE_UNACKED)
}

/**
 * Divides the segments for a purge without visiting each message: those with unacknowledged messages and the last one are
 * kept. What is kept has to be loaded, which may fail, before anything is removed.
 * @param cursorAt a position in `segments`; its new value is returned
 */
export function purged(
  segments: readonly Segment[],
  cursorAt: number,
  load: (segment: Segment) => void,
): { kept: Segment[]; gone: Segment[]; cursorAt: number } {
  const kept: Segment[] = []
  const gone: Segment[] = []
  let passed = 0
  for (const [at, segment] of segments.entries())
    if (at === segments.length - 1 || hasUnacked(segment)) {
      if (segment.live > 0) load(segment)
      kept.push(segment)
      if (at < cursorAt) passed++
    } else gone.push(segment)
  return { kept, gone, cursorAt: passed }
}

/** Those with messages that wait after their return, loaded. @param unread called for each that cannot be read now */
export function* withWaits(
  segments: readonly Segment[],
  load: (segment: Segment) => void,
  unread: (error: unknown) => void,
): Iterable<Segment> {
  for (const segment of segments) {
    if ((segment.deliveryCounts?.waits.size ?? 0) === 0) continue
    try {
      load(segment)
    } catch (error) {
      unread(error)
      continue
    }
    yield segment
  }
}

/** When the next message expires, in ms since 1970; 0 = never. */
export function soonestExpiry(segments: readonly Segment[]): number {
  let soonest = 0
  for (const { earliest: at } of segments) if (at !== 0 && (soonest === 0 || at < soonest)) soonest = at
  return soonest
}

/** Expensive check: every unsettled message is ready or unacknowledged. */
export function checkSum(segments: readonly Segment[], ready: number, unacked: number): void {
  if (!checksDear) return
  const live = segments.reduce((n, s) => n + s.live, 0)
  invariant(live === ready + unacked, `${live} messages are there, ${ready} ready and ${unacked} unacked`)
}

/** Where the messages of a queue are kept. */
export interface Holding {
  /** Octets of segments in memory. */
  memory: number
  /** Number of ready and unacknowledged messages in memory. */
  messages: number
  /**
   * Number of persistent messages; an estimate for segments that mix persistent and transient messages and are partly
   * settled.
   */
  persistent: number
}

export function holdingOf(segments: readonly Segment[]): Holding {
  const sum: Holding = { memory: 0, messages: 0, persistent: 0 }
  for (const { bytes, live, persistent, count } of segments) {
    if (bytes !== undefined) {
      sum.memory += bytes.length
      sum.messages += live
    }
    if (persistent > 0) sum.persistent += Math.round((live * persistent) / count)
  }
  return sum
}

export function addHolding(a: Holding, b: Holding): Holding {
  return {
    memory: a.memory + b.memory,
    messages: a.messages + b.messages,
    persistent: a.persistent + b.persistent,
  }
}
