/**
 * A message for very many queues, or a large one for several: its copies are made in steps, and wait while memory or the
 * disk cannot take them, since all of them come from one publish. Exchanges that keep messages are among those who get
 * one, behind the queues: there may be as many of them.
 */
import {
  FAN_OUT_BYTES,
  FAN_OUT_MS,
  FAN_OUT_OWN_BYTES_MAX,
  FAN_OUT_PER_STEP,
  FAN_OUT_QUEUES,
} from '../limits.ts'
import type { Clock } from '../util/clock.ts'
import type { Effect } from './exchange/exchange.ts'
import { propertyOctets } from './headers-named.ts'
import { inShortSteps, type Steps, WAIT } from './jobs.ts'
import type { InboundMessage } from './message.ts'
import { PUBLISH_DURABLE, PUBLISH_REFUSED, type RoutedQueue } from './queue/queue.ts'
import { copiesOf, type Route } from './router.ts'
import type { Turn } from './turn.ts'

type Recipients = Pick<Route, 'queues' | 'effects'>

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
export function isWide(route: Route, m: InboundMessage): boolean {
  const copies = copiesOf(route)
  return copies > FAN_OUT_QUEUES || (copies > 1 && copies * octetsOf(m) > FAN_OUT_BYTES)
}

/** Of queues and effects together. */
export function recipients({ queues, effects }: Recipients): number {
  return queues.length + effects.length
}

/** Gives it to the queue, or the exchange that has an effect, at that position. */
function give({ queues, effects }: Recipients, at: number, m: InboundMessage, outcome: Outcome): void {
  let result: number
  if (at < queues.length) result = (queues[at] as RoutedQueue).publish(m)
  else result = (effects[at - queues.length] as Effect).published(m)
  if (result === PUBLISH_DURABLE) outcome.durable = true
  else if (result === PUBLISH_REFUSED) outcome.refused = true
}

/**
 * Publishes to as many recipients as there is time for: a queue may have to look at large headers, or to dead-letter what
 * it refuses. Returns the position of the first of those that do not have it.
 */
export function startFanOut(
  route: Recipients,
  m: InboundMessage,
  clock: Clock,
  outcome: Outcome,
  from = 0,
): number {
  const perLook = propertyOctets(m) > PROPERTIES_LARGE ? 1 : COPIES_BETWEEN_LOOKS
  const count = recipients(route)
  const end = count <= perLook ? Infinity : clock.elapsed() + FAN_OUT_MS
  for (let i = from; i < count; i++) {
    if (end !== Infinity && i > from && i % perLook === 0 && clock.elapsed() > end) return i
    give(route, i, m, outcome)
  }
  return count
}

/**
 * @param m of its own memory, since others are published meanwhile
 * @param givesUp whether the rest is dropped where it would have to wait
 * @param next the first of the recipients that do not have it yet
 * @param outcome what those in front of it have answered
 */
export function* fanningOut(
  route: Recipients,
  m: InboundMessage,
  turn: Pick<Turn, 'isFull' | 'givesUp' | 'clock'>,
  commit: { pendingBytes: number },
  givesUp: () => boolean = () => false,
  next = 0,
  outcome: Outcome = { durable: false, refused: false },
): Steps<Outcome> {
  const { queues } = route
  const count = recipients(route)
  while (next < count) {
    if (turn.isFull()) {
      if (givesUp() || turn.givesUp()) return outcome
      yield WAIT
      continue
    }
    yield* inShortSteps(turn.clock, FAN_OUT_PER_STEP, () => {
      const at = next++
      const one: Outcome = { durable: false, refused: false }
      if (queues[at]?.deleted !== true) give(route, at, m, one)
      if (one.refused) outcome.refused = true
      if (one.durable) {
        outcome.durable = true
        commit.pendingBytes += octetsOf(m)
      }
      return next < count && !turn.isFull()
    })
  }
  return outcome
}

/** For messages that the broker publishes itself, in one turn. */
export function isSmallEnough(route: Route, m: InboundMessage): boolean {
  const copies = copiesOf(route)
  return copies < 2 || copies * octetsOf(m) <= FAN_OUT_OWN_BYTES_MAX
}

export function tooWide(route: Route): Error {
  return new Error(
    `its copies for ${copiesOf(route)} queues are larger than ${FAN_OUT_OWN_BYTES_MAX} octets together`,
  )
}
