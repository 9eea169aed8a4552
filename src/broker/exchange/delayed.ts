import { preconditionFailed } from '../../protocol/errors.ts'
import { type FieldTable, type FieldValue, integerOf } from '../../protocol/field-table.ts'
import type { DelayedMessages } from '../delay/delayed-messages.ts'
import type { InboundMessage } from '../message.ts'
import { PUBLISH_DURABLE, PUBLISH_STORED } from '../queue/queue.ts'
import type { Binding, Effect, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

export const DELAY_HEADER = 'x-delay'

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i

/**
 * The delay in an x-delay header, in whole ms: an integer of any width, a floating-point number, a decimal, or a string
 * that contains a number. undefined for anything else.
 */
export function delayOf(v: FieldValue | undefined): number | undefined {
  const ms = v === undefined ? undefined : numberIn(v)
  if (ms === undefined || !Number.isFinite(ms)) return undefined
  return Math.trunc(Math.max(Number.MIN_SAFE_INTEGER, Math.min(ms, Number.MAX_SAFE_INTEGER)))
}

function numberIn(v: FieldValue): number | undefined {
  switch (v.type) {
    case 'f':
    case 'd':
      return v.value
    case 'D':
      return v.value.digits / 10 ** v.value.scale
    case 'S': {
      const text = v.value.toString('latin1').trim()
      return NUMBER.test(text) ? Number(text) : undefined
    }
    default:
      return integerOf(v)
  }
}

/** What a delayed exchange needs from the broker. */
export interface DelayParts {
  readonly messages: DelayedMessages
  /** The exchange's number in `messages`. */
  readonly target: number
  readonly durable: boolean
  now(): number
}

/**
 * The exchange type by which an x-delayed-message exchange routes.
 * @throws AmqpError 406 if x-delayed-type is not an exchange type that can be delayed
 */
export function delayedType(args: FieldTable, exists: (type: string) => boolean): string {
  const type = args.text('x-delayed-type')
  if (type === undefined || !exists(type))
    throw preconditionFailed("Invalid argument, 'x-delayed-type' must be an existing exchange type")
  return type
}

/**
 * x-delayed-message: routes like another exchange type, but delays messages by the number of ms in their x-delay
 * header.
 */
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
    const delay = delayOf(messages[0]?.headers().get(DELAY_HEADER))
    if (delay === undefined || delay <= 0) return false
    matches.effect(new Hold(this.parts, this.parts.now() + delay, matches.keys))
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
  readonly copies = true
  private readonly parts: DelayParts
  private readonly due: number
  private readonly keys: readonly string[]

  get keeper(): DelayParts {
    return this.parts
  }

  constructor(parts: DelayParts, due: number, keys: readonly string[]) {
    this.parts = parts
    this.due = due
    this.keys = keys
  }

  published(m: InboundMessage): number {
    const { messages, target, durable } = this.parts
    messages.add(target, this.due, this.keys, m)
    return durable ? PUBLISH_DURABLE : PUBLISH_STORED
  }
}
