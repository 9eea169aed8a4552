/**
 * A message for very many queues, or a large one for several: its copies are made in steps, and wait while memory or the
 * disk cannot take them, since all of them come from one publish.
 */
import {
  FAN_OUT_BYTES,
  FAN_OUT_MS,
  FAN_OUT_OWN_BYTES_MAX,
  FAN_OUT_PER_STEP,
  FAN_OUT_QUEUES,
} from '../limits.ts'
import type { Clock } from '../util/clock.ts'
import { propertyOctets } from './headers-named.ts'
import { inShortSteps, type Steps, WAIT } from './jobs.ts'
import type { InboundMessage } from './message.ts'
import { PUBLISH_DURABLE, PUBLISH_REFUSED, type RoutedQueue } from './queue/queue.ts'
import type { Turn } from './turn.ts'

/** Queues that get a copy between two looks at the time; with properties of as many octets, one. */
const COPIES_BETWEEN_LOOKS = 32
const PROPERTIES_LARGE = 4_096

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
 * Publishes to as many queues as there is time for: a queue may have to look at large headers, or to dead-letter what it
 * refuses. Returns the position of the first of those that do not have it.
 */
export function startFanOut(
  queues: readonly RoutedQueue[],
  m: InboundMessage,
  clock: Clock,
  outcome: Outcome,
  from = 0,
): number {
  const perLook = propertyOctets(m) > PROPERTIES_LARGE ? 1 : COPIES_BETWEEN_LOOKS
  const end = queues.length <= perLook ? Infinity : clock.elapsed() + FAN_OUT_MS
  for (let i = from; i < queues.length; i++) {
    if (end !== Infinity && i > from && i % perLook === 0 && clock.elapsed() > end) return i
    const result = (queues[i] as RoutedQueue).publish(m)
    if (result === PUBLISH_DURABLE) outcome.durable = true
    else if (result === PUBLISH_REFUSED) outcome.refused = true
  }
  return queues.length
}

/**
 * @param m of its own memory, since others are published meanwhile
 * @param givesUp whether the rest is dropped where it would have to wait
 * @param next the first of the queues that do not have it yet
 * @param outcome what those in front of it have answered
 */
export function* fanningOut(
  queues: readonly RoutedQueue[],
  m: InboundMessage,
  turn: Turn,
  commit: { pendingBytes: number },
  givesUp: () => boolean = () => false,
  next = 0,
  outcome: Outcome = { durable: false, refused: false },
): Steps<Outcome> {
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
