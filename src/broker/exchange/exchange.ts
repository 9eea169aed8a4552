/** An exchange and what its type has to provide. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { WorkQueue } from '../queue/work-queue.ts'

export type Destination = WorkQueue | Exchange

/** Identity: source, destination, key and arguments. */
export interface Binding {
  readonly source: Exchange
  readonly destination: Destination
  readonly routingKey: string
  readonly arguments: FieldTable
  readonly durable: boolean
}

/** Collects the destinations that a type finds; the same one may come several times. */
export interface Matches {
  add(destination: Destination): void
}

/** What a type may look at. `headers` decodes on demand, since few types need it. */
export interface RoutedMessage {
  readonly routingKey: string
  headers(): FieldTable
}

/** The routing of one exchange. */
export interface ExchangeRouting {
  /** False where something other than exchange and routing key decides. */
  readonly byKeyOnly: boolean
  add(binding: Binding): void
  remove(binding: Binding): void
  route(message: RoutedMessage, matches: Matches): void
  /** @throws AmqpError 406 for binding arguments that the type cannot use */
  checkBinding?(routingKey: string, args: FieldTable): void
}

export interface ExchangeInfo {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
}

export class Exchange implements ExchangeInfo {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
  readonly routing: ExchangeRouting
  readonly alternate: string | undefined
  /** Bindings of which it is the source. */
  outgoing = 0
  /** Marks the exchange as visited by the routing pass of that number. */
  routeStamp = 0

  constructor(info: ExchangeInfo, routing: ExchangeRouting) {
    this.name = info.name
    this.type = info.type
    this.durable = info.durable
    this.autoDelete = info.autoDelete
    this.internal = info.internal
    this.arguments = info.arguments
    this.routing = routing
    this.alternate = info.arguments.text('alternate-exchange')
  }
}

export function isExchange(d: Destination): d is Exchange {
  return d instanceof Exchange
}
