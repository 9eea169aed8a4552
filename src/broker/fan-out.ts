/**
 * Publishes a message to very many queues, or a large one to several, in steps. The steps wait while memory or the disk
 * cannot take more copies, since one publish causes them all. The recipients are the queues, followed by the effects of
 * exchanges (such as keeping the message), of which there may be as many.
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
import { PUBLISH_DURABLE, PUBLISH_REFUSED, PUBLISH_STORED } from './queue/queue.ts'
import { copiesOf, type Route } from './router.ts'
import type { Turn } from './turn.ts'

type Recipients = Pick<Route, 'queues' | 'effects'>

/** Number of queues that get a copy between two checks of the time; 1 if the properties exceed PROPERTIES_LARGE. */
const COPIES_BETWEEN_LOOKS = 32
const PROPERTIES_LARGE = 4_096

export interface Outcome {
  durable: boolean
  refused: boolean
  /** Whether the remaining recipients did not get the message, since the broker or the publisher ends: see `fanningOut`. */
  abandoned?: boolean
  /** Whether an exchange has taken the message: `takes` of its effect. */
  taken?: boolean
}

function octetsOf(m: InboundMessage): number {
  return m.contentEnd - m.contentStart
}

/** Whether the copies of the message are too many or too large for one turn of the event loop. */
export function isWide(route: Route, m: InboundMessage): boolean {
  const copies = copiesOf(route)
  return copies > FAN_OUT_QUEUES || (copies > 1 && copies * octetsOf(m) > FAN_OUT_BYTES)
}

/** Number of recipients: queues and effects together. */
export function recipients({ queues, effects }: Recipients): number {
  return queues.length + effects.length
}

/**
 * Publishes the message to the recipient at that position: a queue, or an exchange's effect. A queue that was deleted
 * between two steps gets no copy.
 */
function give({ queues, effects }: Recipients, at: number, m: InboundMessage, outcome: Outcome): void {
  const queue = queues[at]
  if (queue?.deleted === true) return
  const result =
    queue !== undefined
      ? queue.publish(m)
      : apply(effects[at - queues.length] as Effect, m, outcome, queues.length > 0)
  if (result === PUBLISH_DURABLE) outcome.durable = true
  else if (result === PUBLISH_REFUSED) outcome.refused = true
}

/**
 * Nothing remembers a message that a queue has refused or that nobody got: whoever is told so publishes it again, and
 * it would be confirmed and dropped as a duplicate. Queues that took it the first time then get it twice.
 */
function apply(e: Effect, m: InboundMessage, outcome: Outcome, hasQueues: boolean): number {
  if (e.remembers && (outcome.refused || !(hasQueues || outcome.taken))) return PUBLISH_STORED
  if (e.takes) outcome.taken = true
  return e.published(m)
}

/** Publishes to all recipients in one turn. */
export function publishToAll(route: Recipients, m: InboundMessage): void {
  const outcome: Outcome = { durable: false, refused: false }
  for (let i = 0; i < recipients(route); i++) give(route, i, m, outcome)
}

/**
 * Publishes to as many recipients as time allows: a queue may have to scan large headers, or to dead-letter messages
 * that it does not accept.
 * @returns the position of the first recipient that does not have the message yet
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
 * Publishes to the remaining recipients in steps.
 * @param m has its own memory, since other messages are published in between
 * @param givesUp whether to drop the remaining copies instead of waiting until there is room
 * @param next position of the first recipient that does not have the message yet
 * @param outcome the outcome for the recipients before `next`
 * @returns the outcome for all: if copies were dropped, the message counts as refused
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
  const count = recipients(route)
  while (next < count) {
    if (turn.isFull()) {
      if (givesUp() || turn.givesUp()) {
        // Not everywhere: nobody may confirm it.
        outcome.refused = outcome.abandoned = true
        return outcome
      }
      yield WAIT
      continue
    }
    yield* inShortSteps(turn.clock, FAN_OUT_PER_STEP, () => {
      const at = next++
      const { durable } = outcome
      outcome.durable = false
      give(route, at, m, outcome)
      if (outcome.durable) commit.pendingBytes += octetsOf(m)
      else outcome.durable = durable
      return next < count && !turn.isFull()
    })
  }
  return outcome
}

/** Whether a message of the broker itself can be published in one turn. */
export function isSmallEnough(route: Route, m: InboundMessage): boolean {
  const copies = copiesOf(route)
  return copies < 2 || copies * octetsOf(m) <= FAN_OUT_OWN_BYTES_MAX
}

export function tooWide(route: Route): Error {
  return new Error(
    `its copies for ${copiesOf(route)} queues are larger than ${FAN_OUT_OWN_BYTES_MAX} octets together`,
  )
}
