/** Where a message would go, without publishing it. */
import type { Exchange } from '../broker/exchange/exchange.ts'
import { PlainMessage, type Way } from '../broker/router.ts'
import { FieldTable } from '../protocol/field-table.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import { type Caller, checkAccess, checkShort, checkTopicAccess, existingExchange } from './caller.ts'
import { allKeys } from './publish.ts'

export interface Trial {
  /** Some queue gets it, or an exchange on the way keeps it. */
  readonly routed: boolean
  readonly ways: readonly Way[]
  /** An exchange on the way keeps it for now, or has seen it before. */
  readonly kept: boolean
}

/** The exchange, for whoever may publish to it; an internal one too: this is about what comes from other exchanges. */
function triedExchange(c: Caller, name: string, routingKey: string): Exchange {
  checkAccess(c, 'write', 'exchange', name)
  const exchange = existingExchange(c, name)
  checkTopicAccess(c, 'write', exchange, routingKey)
  return exchange
}

/** For whom the rights of a publish count. @throws AmqpError 403, 404, 406; InvalidRequest */
export function tryRoute(c: Caller, exchangeName: string, routingKey: string, properties: Properties): Trial {
  checkShort('routing_key', routingKey)
  const exchange = triedExchange(c, exchangeName, routingKey)
  const keys = allKeys(c, exchange, routingKey, properties.headers ?? FieldTable.empty)
  const { route, ways } = c.vhost.waysOf(
    exchange,
    keys.map((k) => new PlainMessage(k, properties)),
  )
  const kept = route.effects.some((e) => e.takes)
  // Replies to a request that waits for them are nobody else's business.
  const shown = ways.filter(({ queue }) => c.vhost.queues.get(queue.name) === queue)
  return { routed: kept || ways.length > 0, ways: shown, kept }
}
