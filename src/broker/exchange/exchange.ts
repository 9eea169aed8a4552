/** An exchange, and the interface of its type. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Properties } from '../../protocol/generated/properties.ts'
import type { Deduplication } from '../deduplication.ts'
import type { Steps } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import { type AppliedPolicies, noPolicies } from '../policy/policy.ts'
import type { Queue, RoutedQueue } from '../queue/queue.ts'
import type { Routing } from '../router.ts'

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

/** A side effect of an exchange, applied when the message is actually published. */
export interface Effect {
  /** The message counts as routed even if it reaches no queue now. */
  readonly takes: boolean
  /** It keeps a copy of the message, as a queue does. */
  readonly copies: boolean
  /** One of the outcomes in queue.ts. The message's octets are invalid after the call. */
  published(m: InboundMessage): number
}

/** Collects matching destinations; the same one may be added several times. */
export interface Matches {
  /** All the keys of the message: one list for whoever keeps them. */
  readonly keys: readonly string[]
  add(destination: Target): void
  effect(e: Effect): void
  /** Accounts for bindings, fields or words examined, and octets hashed. @throws AmqpError 406 if a message takes too many steps */
  steps(count: number): void
}

/** What a type may read of a message; decoded on demand, because few types need it. */
export interface RoutedMessage {
  readonly routingKey: string
  headers(): FieldTable
  properties(): Properties
}

/** The routing of one exchange. */
export interface ExchangeRouting {
  /** False if routing depends on more than exchange and routing key. */
  readonly byKeyOnly: boolean
  /** The routing key does not matter: one lookup serves all keys of a message. */
  readonly keyless?: boolean
  add(binding: Binding): void
  remove(binding: Binding): void
  /** Called after `add` for bindings made by a client rather than restored: what is to be done then. */
  bound?(binding: Binding, routing: Routing): Steps
  /** Handles the message itself, under all its keys; if so, `route` is not called. */
  intercept?(messages: readonly RoutedMessage[], matches: Matches): boolean
  route(message: RoutedMessage, matches: Matches): void
  /** @throws AmqpError 406 for binding arguments that the type does not accept */
  checkBinding?(routingKey: string, args: FieldTable): void
  /** The exchange is deleted, with everything it kept. */
  destroy?(): void
  /** Stops timers; what is stored stays. */
  stop?(): void
}

export interface ExchangeInfo {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
  /** Name of the user who has declared it. */
  readonly declaredBy?: string
}

export class Exchange implements ExchangeInfo {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
  /** Empty if it is from a version that did not record it. */
  readonly declaredBy: string
  readonly routing: ExchangeRouting
  /** Drops duplicates (x-message-deduplication). */
  readonly deduplication: Deduplication | undefined
  /** The log of an exchange that stores messages. */
  readonly log: number | undefined
  policies: AppliedPolicies = noPolicies
  alternate: string | undefined
  /** Messages published to it. */
  published = 0
  /** Copies of them that went to queues. */
  publishedOut = 0
  /** Bindings with this exchange as their source. */
  outgoing = 0
  /** The last routing pass that visited the exchange. */
  routeStamp = 0
  /** As in Queue. */
  boundTo: object | undefined = undefined
  /** It is no more; its bindings may still be on their way out. */
  deleted = false

  constructor(info: ExchangeInfo, parts: ExchangeParts) {
    this.name = info.name
    this.type = info.type
    this.durable = info.durable
    this.autoDelete = info.autoDelete
    this.internal = info.internal
    this.arguments = info.arguments
    this.declaredBy = info.declaredBy ?? ''
    this.routing = parts.routing
    this.deduplication = parts.deduplication
    this.log = parts.log
    this.alternate = info.arguments.text('alternate-exchange')
  }

  /** Applies new policies; an argument of the declaration takes precedence. */
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

/** The parts of an exchange that are not in its declaration. */
export interface ExchangeParts {
  readonly routing: ExchangeRouting
  readonly deduplication?: Deduplication | undefined
  readonly log?: number | undefined
}

export function isExchange(d: Target): d is Exchange {
  return d instanceof Exchange
}
