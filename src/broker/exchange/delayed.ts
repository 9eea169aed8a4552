import { preconditionFailed } from '../../protocol/errors.ts'
import { type FieldTable, integerOf } from '../../protocol/field-table.ts'
import type { DelayedMessages } from '../delay/delayed-messages.ts'
import type { Incoming } from '../message.ts'
import { PUBLISH_DURABLE, PUBLISH_STORED } from '../queue/queue.ts'
import type { Binding, Effect, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

export const DELAY_HEADER = 'x-delay'

/** What a delayed exchange needs. */
export interface DelayParts {
  readonly messages: DelayedMessages
  /** The number of the exchange in `messages`. */
  readonly target: number
  readonly durable: boolean
  now(): number
}

/** The type that an x-delayed-message exchange routes by. @throws AmqpError 406 */
export function delayedType(args: FieldTable, exists: (type: string) => boolean): string {
  const type = args.text('x-delayed-type')
  if (type === undefined || !exists(type))
    throw preconditionFailed("Invalid argument, 'x-delayed-type' must be an existing exchange type")
  return type
}

/** x-delayed-message: routes as another type does, but messages with x-delay only after so many ms. */
export class DelayedRouting implements ExchangeRouting {
  readonly byKeyOnly = false
  readonly keyless: boolean
  private readonly inner: ExchangeRouting
  private readonly parts: DelayParts

  constructor(inner: ExchangeRouting, parts: DelayParts) {
    this.inner = inner
    this.keyless = inner.keyless === true
    this.parts = parts
  }

  checkBinding(routingKey: string, args: FieldTable): void {
    this.inner.checkBinding?.(routingKey, args)
  }

  add(b: Binding): void {
    this.inner.add(b)
  }

  remove(b: Binding): void {
    this.inner.remove(b)
  }

  intercept(messages: readonly RoutedMessage[], matches: Matches): boolean {
    const v = messages[0]?.headers().get(DELAY_HEADER)
    const delay = v === undefined ? undefined : integerOf(v)
    if (delay === undefined || delay <= 0) return false
    const due = this.parts.now() + delay
    matches.effect(
      new Hold(
        this.parts,
        due,
        messages.map((m) => m.routingKey),
      ),
    )
    return true
  }

  route(message: RoutedMessage, matches: Matches): void {
    this.inner.route(message, matches)
  }

  destroy(): void {
    this.parts.messages.unregister(this.parts.target)
    this.inner.destroy?.()
  }
}

class Hold implements Effect {
  readonly takes = true
  private readonly parts: DelayParts
  private readonly due: number
  private readonly keys: readonly string[]

  constructor(parts: DelayParts, due: number, keys: readonly string[]) {
    this.parts = parts
    this.due = due
    this.keys = keys
  }

  published(m: Incoming): number {
    const { messages, target, durable } = this.parts
    messages.add(target, this.due, this.keys, m)
    return durable ? PUBLISH_DURABLE : PUBLISH_STORED
  }
}
