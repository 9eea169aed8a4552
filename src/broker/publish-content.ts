/** Publishes the broker's own messages without a channel: traces, and delayed messages. */
import { encodeContent } from './content.ts'
import type { Exchange } from './exchange/exchange.ts'
import { isSmallEnough, publishToAll, tooWide } from './fan-out.ts'
import { type Content, InboundMessage } from './message.ts'
import { PlainMessage, type Routing } from './router.ts'

/**
 * Publishes a message of the broker itself. In the exchange it is no duplicate: a delayed message is one that the
 * exchange has let through already.
 * @param keys the routing keys to route with; the message keeps its own routing key
 * @param ttl the message's own TTL in ms; -1 = none
 * @param mustArrive true for all messages but traces, which may be dropped
 * @returns whether the message was routed
 * @throws Error if its copies are too large together and it must arrive
 */
export function publishContent(
  routing: Routing,
  exchange: Exchange,
  keys: readonly string[],
  { exchange: exchangeName, routingKey, properties, body, died }: Omit<Content, 'propertyBytes'>,
  ttl = -1,
  mustArrive = false,
): boolean {
  const route = routing.routeOwn(
    exchange,
    keys.map((k) => new PlainMessage(k, properties)),
    (x) => x === exchange,
  )
  const { queues, effects } = route
  if (queues.length + effects.length === 0) return false
  const m = new InboundMessage()
  encodeContent(exchangeName, routingKey, properties, body, m)
  m.adoptable = queues.length === 1 && effects.length === 0
  if (!isSmallEnough(route, m)) {
    if (!mustArrive) return false
    throw tooWide(route)
  }
  m.ttl = ttl
  m.died = died === true
  m.isDelayed = mustArrive
  publishToAll(route, m)
  return true
}
