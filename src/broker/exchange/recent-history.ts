import { FAN_OUT_PER_STEP, HISTORY_BYTES_MAX } from '../../limits.ts'
import { preconditionFailed } from '../../protocol/errors.ts'
import { type FieldTable, integerOf } from '../../protocol/field-table.ts'
import { headersNamed } from '../headers-named.ts'
import { type Steps, WAIT } from '../jobs.ts'
import { InboundMessage, readContent } from '../message.ts'
import { PUBLISH_STORED } from '../queue/queue.ts'
import { PlainMessage, type Routing } from '../router.ts'
import {
  type Binding,
  type Effect,
  type Exchange,
  type ExchangeRouting,
  isExchange,
  type Matches,
} from './exchange.ts'
import { FanoutRouting } from './fanout.ts'

export interface Room {
  /** Whether memory and disk cannot take more. */
  isFull(): boolean
  /** What waits for that is left. */
  givesUp(): boolean
}

export const alwaysRoom: Room = { isFull: () => false, givesUp: () => false }

const LENGTH_DEFAULT = 20
const LENGTH_MAX = 10_000
const NO_STORE = 'x-recent-history-no-store'

/**
 * x-recent-history: a fanout that also sends its last messages to each queue or exchange bound later. It keeps them in memory, up
 * to a number of octets.
 */
export class RecentHistoryRouting extends FanoutRouting implements ExchangeRouting, Effect {
  override readonly byKeyOnly = false
  readonly takes = false
  readonly copies = true
  private readonly length: number
  private readonly messages: InboundMessage[] = []
  private bytes = 0
  /** Messages that had to make room. */
  private dropped = 0
  private readonly room: Room

  /** @throws AmqpError 406 */
  constructor(args: FieldTable, room = alwaysRoom) {
    super()
    this.room = room
    const v = args.get('x-recent-history-length')
    const n = v === undefined ? LENGTH_DEFAULT : integerOf(v)
    if (n === undefined || n <= 0 || n > LENGTH_MAX)
      throw preconditionFailed(`Invalid argument, 'x-recent-history-length' must be a positive integer`)
    this.length = n
  }

  /** Only new bindings, not those restored at a start. Binding is no publish, so nobody is held back by an alarm. */
  *bound(binding: Binding, routing: Routing): Steps {
    const { destination } = binding
    // Nothing is kept for it: whoever binds again and again, in an alarm too, would fill the memory.
    const end = this.dropped + this.messages.length
    let copies = 0
    for (let next = this.dropped; next < end; next++) {
      while (this.room.isFull() || copies >= FAN_OUT_PER_STEP) {
        yield this.room.isFull() ? WAIT : undefined
        copies = 0
        if (!this.bindings.has(binding) || this.room.givesUp()) return
      }
      next = Math.max(next, this.dropped)
      if (destination.deleted || next >= end) return
      const m = this.messages[next - this.dropped] as InboundMessage
      copies += isExchange(destination) ? through(destination, m, routing) : 1
      if (!isExchange(destination)) destination.publish(m)
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

/** To the queues of a bound exchange. Returns how many they are. */
function through(x: Exchange, m: InboundMessage, routing: Routing): number {
  const { routingKey, properties } = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
  const { queues, effects } = routing.routeOwn(x, [new PlainMessage(routingKey, properties)])
  for (const q of queues) q.publish(m)
  for (const e of effects) e.published(m)
  return Math.max(1, queues.length)
}

function octetsOf(m: InboundMessage): number {
  return m.namesEnd - m.namesStart + m.contentEnd - m.contentStart
}
