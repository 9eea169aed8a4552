import { FAN_OUT_PER_STEP, HISTORY_BYTES_MAX, STEP_MS } from '../../limits.ts'
import { preconditionFailed } from '../../protocol/errors.ts'
import { type FieldTable, integerOf } from '../../protocol/field-table.ts'
import { systemClock } from '../../util/clock.ts'
import { fanningOut, publishToAll, recipients } from '../fan-out.ts'
import { headersNamed } from '../headers-named.ts'
import type { Steps } from '../jobs.ts'
import { InboundMessage, readContent } from '../message.ts'
import { PUBLISH_STORED } from '../queue/queue.ts'
import { PlainMessage, type Route, type Routing } from '../router.ts'
import type { Turn } from '../turn.ts'
import {
  type Binding,
  type Destination,
  type Effect,
  type ExchangeRouting,
  isExchange,
  type Matches,
} from './exchange.ts'
import { FanoutRouting } from './fanout.ts'

/** Tells whether memory and disk can take more, and how long a step has taken. */
export interface Room {
  readonly turn: Pick<Turn, 'isFull' | 'givesUp' | 'clock'>
  readonly commit: { pendingBytes: number }
}

export const alwaysRoom: Room = {
  turn: { isFull: () => false, givesUp: () => false, clock: systemClock },
  commit: { pendingBytes: 0 },
}

const LENGTH_DEFAULT = 20
const LENGTH_MAX = 10_000
const NO_STORE = 'x-recent-history-no-store'

/**
 * x-recent-history: a fanout that also sends its most recent messages to each queue or exchange bound later. The
 * messages are kept in memory, up to a number of octets.
 */
export class RecentHistoryRouting extends FanoutRouting implements ExchangeRouting, Effect {
  override readonly byKeyOnly = false
  readonly takes = false
  readonly copies = true
  readonly keeper = this
  private readonly length: number
  private readonly messages: InboundMessage[] = []
  private bytes = 0
  /** Number of messages dropped to make room for new ones. */
  private dropped = 0
  private readonly room: Room

  /** @throws AmqpError 406 for invalid arguments */
  constructor(args: FieldTable, room = alwaysRoom) {
    super()
    this.room = room
    const v = args.get('x-recent-history-length')
    const n = v === undefined ? LENGTH_DEFAULT : integerOf(v)
    if (n === undefined || n <= 0 || n > LENGTH_MAX)
      throw preconditionFailed(`Invalid argument, 'x-recent-history-length' must be a positive integer`)
    this.length = n
  }

  /**
   * Sends the history to a newly bound destination. Since binding is not publishing, no alarm blocks the client: the
   * copies wait here instead.
   */
  *bound(binding: Binding, routing: Routing): Steps {
    const { turn, commit } = this.room
    const isGone = (): boolean => !this.bindings.has(binding) || binding.destination.deleted
    // Keep no copies for the binding: clients that bind repeatedly, also during an alarm, would fill the memory.
    const end = this.dropped + this.messages.length
    let copies = 0
    let until = turn.clock.elapsed() + STEP_MS
    for (let next = this.dropped; next < end; next++) {
      if (copies >= FAN_OUT_PER_STEP || turn.clock.elapsed() > until) {
        yield
        copies = 0
        until = turn.clock.elapsed() + STEP_MS
      }
      next = Math.max(next, this.dropped)
      if (isGone() || next >= end) return
      const m = this.messages[next - this.dropped] as InboundMessage
      const route = routeTo(binding.destination, m, routing)
      copies += Math.max(1, recipients(route))
      // A bound exchange may route to a million queues.
      const { abandoned } = yield* fanningOut(route, m, turn, commit, isGone)
      if (abandoned !== true) continue
      // The next start does not have the history: what goes to one queue does not wait for the end of an alarm then.
      if (isGone() || recipients(route) > 1) return
      publishToAll(route, m)
    }
  }

  override route(message: Parameters<FanoutRouting['route']>[0], matches: Matches): void {
    super.route(message, matches)
    matches.effect(this)
  }

  published(m: InboundMessage): number {
    if (headersNamed(m, NO_STORE)?.get(NO_STORE)?.value === true) return PUBLISH_STORED
    const bytes = octetsOf(m)
    if (bytes > HISTORY_BYTES_MAX) return PUBLISH_STORED
    this.messages.push(InboundMessage.copyOf(m))
    this.bytes += bytes
    while (this.messages.length > this.length || this.bytes > HISTORY_BYTES_MAX) {
      this.bytes -= octetsOf(this.messages.shift() as InboundMessage)
      this.dropped++
    }
    return PUBLISH_STORED
  }
}

/** The route to a bound queue, or through a bound exchange. */
function routeTo(d: Destination, m: InboundMessage, routing: Routing): Pick<Route, 'queues' | 'effects'> {
  if (!isExchange(d)) return { queues: [d], effects: [] }
  const { routingKey, properties } = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
  return routing.routeOwn(d, [new PlainMessage(routingKey, properties)])
}

function octetsOf(m: InboundMessage): number {
  return m.namesEnd - m.namesStart + m.contentEnd - m.contentStart
}
