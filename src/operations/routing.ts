/** Determines where a message would be routed, without publishing it. */
import type { Exchange } from '../broker/exchange/exchange.ts'
import { PlainMessage, type Way } from '../broker/router.ts'
import { FieldTable } from '../protocol/field-table.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import { type Caller, checkAccess, checkShort, checkTopicAccess, existingExchange } from './caller.ts'
import { allKeys } from './publish.ts'

export interface Trial {
  /** Whether a queue would receive the message, or an exchange on the way would hold it. */
  readonly routed: boolean
  readonly ways: readonly Way[]
  /** Whether an exchange on the way would hold the message, or drop it as a duplicate. */
  readonly kept: boolean
}

/**
 * Returns the exchange if the caller may publish to it. Internal exchanges are allowed, since their messages come from
 * other exchanges.
 */
function triedExchange(c: Caller, name: string, routingKey: string): Exchange {
  checkAccess(c, 'write', 'exchange', name)
  const exchange = existingExchange(c, name)
  checkTopicAccess(c, 'write', exchange, routingKey)
  return exchange
}

/** Requires the permissions of a publish. @throws AmqpError 403, 404, 406; InvalidRequest */
export function tryRoute(c: Caller, exchangeName: string, routingKey: string, properties: Properties): Trial {
  checkShort('routing_key', routingKey)
  const exchange = triedExchange(c, exchangeName, routingKey)
  const keys = allKeys(c, exchange, routingKey, properties.headers ?? FieldTable.empty)
  const { route, ways } = c.vhost.waysOf(
    exchange,
    keys.map((k) => new PlainMessage(k, properties)),
  )
  const kept = route.effects.some((e) => e.takes)
  // Queues of waiting direct reply-to requesters are not shown.
  const shown = ways.filter(({ queue }) => c.vhost.queues.get(queue.name) === queue)
  return { routed: kept || ways.length > 0, ways: shown, kept }
}
