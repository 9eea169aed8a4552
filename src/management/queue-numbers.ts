/** Counts what a queue has in memory and on disk. */
import type { InspectedQueue } from '../broker/queue/queue.ts'

export interface QueueNumbers {
  readonly messages: number
  readonly bytes: number
  /** Messages in memory; paged-out messages are assumed to be ready ones. */
  readonly ram: number
  readonly readyRam: number
  readonly unackedRam: number
  /** Octets of the messages in memory, estimated from the mean size of the queue's messages. */
  readonly ramBytes: number
  readonly persistent: number
  readonly persistentBytes: number
  readonly pagedOut: number
  readonly pagedOutBytes: number
  /** Memory that the messages take, including overhead, in octets. */
  readonly memory: number
}

export function queueNumbers(q: InspectedQueue): QueueNumbers {
  const { ready, unacked } = q.counts
  const messages = ready + unacked
  const bytes = q.bytes.ready + q.bytes.unacked
  const { memory, messages: held, persistent: kept } = q.holding
  const ram = Math.min(held, messages)
  const persistent = q.durable ? Math.min(kept, messages) : 0
  const share = (n: number): number => (messages === 0 ? 0 : Math.round((bytes * n) / messages))
  const unackedRam = Math.min(unacked, ram)
  return {
    messages,
    bytes,
    ram,
    readyRam: ram - unackedRam,
    unackedRam,
    ramBytes: share(ram),
    persistent,
    persistentBytes: share(persistent),
    pagedOut: messages - ram,
    pagedOutBytes: bytes - share(ram),
    memory,
  }
}

/** Messages examined before the search for the first ready one is given up. */
const LOOKED_AT_MAX = 1000

/** The publisher's timestamp of the first ready message, in seconds since 1970; null if there is none. */
export function headTimestamp(q: InspectedQueue): number | null {
  if (q.counts.ready === 0) return null
  let looked = 0
  for (const { segment, index, unacked } of q.browse()) {
    if (!unacked) {
      try {
        const { timestamp } = segment.content(index).properties
        return timestamp === undefined ? null : Number(timestamp)
      } catch {
        return null
      }
    }
    if (++looked === LOOKED_AT_MAX) break
  }
  return null
}
