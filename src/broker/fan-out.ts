/**
 * A message for very many queues, or a large one for several: its copies are made in steps, and wait while memory or the
 * disk cannot take them, since all of them come from one publish.
 */
import { FAN_OUT_BYTES, FAN_OUT_OWN_BYTES_MAX, FAN_OUT_PER_STEP, FAN_OUT_QUEUES } from '../limits.ts'
import { inShortSteps, type Steps, WAIT } from './jobs.ts'
import type { InboundMessage } from './message.ts'
import { PUBLISH_DURABLE, PUBLISH_REFUSED, type RoutedQueue } from './queue/queue.ts'
import type { Turn } from './turn.ts'

export interface Outcome {
  durable: boolean
  refused: boolean
}

function octetsOf(m: InboundMessage): number {
  return m.contentEnd - m.contentStart
}

/** Whether its copies are too much for one turn. */
export function isWide(queues: readonly RoutedQueue[], m: InboundMessage): boolean {
  const { length } = queues
  return length > FAN_OUT_QUEUES || (length > 1 && length * octetsOf(m) > FAN_OUT_BYTES)
}

/**
 * @param m of its own memory, since others are published meanwhile
 * @param givesUp whether the rest is dropped where it would have to wait
 */
export function* fanningOut(
  queues: readonly RoutedQueue[],
  m: InboundMessage,
  turn: Turn,
  commit: { pendingBytes: number },
  givesUp: () => boolean = () => false,
): Steps<Outcome> {
  const outcome = { durable: false, refused: false }
  let next = 0
  while (next < queues.length) {
    if (turn.isFull()) {
      if (givesUp()) return outcome
      yield WAIT
      continue
    }
    yield* inShortSteps(turn.clock, FAN_OUT_PER_STEP, () => {
      const q = queues[next++] as RoutedQueue
      const result = q.deleted ? undefined : q.publish(m)
      if (result === PUBLISH_REFUSED) outcome.refused = true
      if (result === PUBLISH_DURABLE) {
        outcome.durable = true
        commit.pendingBytes += octetsOf(m)
      }
      return next < queues.length && !turn.isFull()
    })
  }
  return outcome
}

/** For messages that the broker publishes itself, in one turn. */
export function isSmallEnough({ length }: readonly RoutedQueue[], m: InboundMessage): boolean {
  return length < 2 || length * octetsOf(m) <= FAN_OUT_OWN_BYTES_MAX
}

export function tooWide({ length }: readonly RoutedQueue[]): Error {
  return new Error(`its copies for ${length} queues are larger than ${FAN_OUT_OWN_BYTES_MAX} octets together`)
}
