/** An exchange and what its type has to provide. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Properties } from '../../protocol/generated/properties.ts'
import type { Deduplication } from '../deduplication.ts'
import type { InboundMessage } from '../message.ts'
import { type AppliedPolicies, noPolicies } from '../policy/policy.ts'
import type { Queue, RoutedQueue } from '../queue/queue.ts'

export type Destination = Queue | Exchange

/** A destination as routing sees it. */
export type Target = RoutedQueue | Exchange

/** Identity: source, destination, key and arguments. */
export interface Binding {
  readonly source: Exchange
  readonly destination: Destination
  readonly routingKey: string
  readonly arguments: FieldTable
  readonly durable: boolean
}

/** What an exchange does with a message beside routing it, once the message is really published. */
export interface Effect {
  /** The message counts as routed even where no queue gets it now. */
  readonly takes: boolean
  /** One of the outcomes in queue.ts. The message's octets are not there any more after the call. */
  published(m: InboundMessage): number
}

/** Collects what a type finds; the same destination may come several times. */
export interface Matches {
  add(destination: Target): void
  effect(e: Effect): void
  /** So many bindings, fields or words have been looked at. @throws AmqpError 406 where it is too much for a message */
  steps(count: number): void
}

/** What a type may look at; decoded on demand, since few types need it. */
export interface RoutedMessage {
  readonly routingKey: string
  headers(): FieldTable
  properties(): Properties
}

/** The routing of one exchange. */
export interface ExchangeRouting {
  /** False where something other than exchange and routing key decides. */
  readonly byKeyOnly: boolean
  /** The routing key plays no part: one look is enough for all keys of a message. */
  readonly keyless?: boolean
  add(binding: Binding): void
  remove(binding: Binding): void
  /** A client has bound it just now; `add` was called before. */
  bound?(binding: Binding): void
  /** Takes the message, under all its keys, out of routing: then `route` is not called. */
  intercept?(messages: readonly RoutedMessage[], matches: Matches): boolean
  route(message: RoutedMessage, matches: Matches): void
  /** @throws AmqpError 406 for binding arguments that the type cannot use */
  checkBinding?(routingKey: string, args: FieldTable): void
  /** The exchange is gone, and what it kept goes too. */
  destroy?(): void
  /** No more timers; what is stored stays. */
  stop?(): void
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
  /** Lets each value pass once (x-message-deduplication). */
  readonly deduplication: Deduplication | undefined
  /** The log of an exchange that stores messages. */
  readonly log: number | undefined
  policies: AppliedPolicies = noPolicies
  alternate: string | undefined
  /** Messages that clients have published to it. */
  published = 0
  /** Copies of them that went to queues. */
  publishedOut = 0
  /** Bindings of which it is the source. */
  outgoing = 0
  /** Marks the exchange as visited by the routing pass of that number. */
  routeStamp = 0
  /** It is no more; its bindings may still be on their way out. */
  deleted = false

  constructor(info: ExchangeInfo, parts: ExchangeParts) {
    this.name = info.name
    this.type = info.type
    this.durable = info.durable
    this.autoDelete = info.autoDelete
    this.internal = info.internal
    this.arguments = info.arguments
    this.routing = parts.routing
    this.deduplication = parts.deduplication
    this.log = parts.log
    this.alternate = info.arguments.text('alternate-exchange')
  }

  /** New policies: the argument of the declaration comes first. */
  configure(policies: AppliedPolicies): void {
    this.policies = policies
    const fromPolicy = policies.policy?.definition['alternate-exchange']
    this.alternate =
      this.arguments.text('alternate-exchange') ?? (typeof fromPolicy === 'string' ? fromPolicy : undefined)
  }

  destroy(): void {
    this.routing.destroy?.()
    this.deduplication?.destroy()
  }
}

/** What makes up an exchange beside its declaration. */
export interface ExchangeParts {
  readonly routing: ExchangeRouting
  readonly deduplication?: Deduplication | undefined
  readonly log?: number | undefined
}

export function isExchange(d: Target): d is Exchange {
  return d instanceof Exchange
}
