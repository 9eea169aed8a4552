import { HASHED_PER_STEP } from '../../limits.ts'
import { preconditionFailed } from '../../protocol/errors.ts'
import { FieldTable, type FieldValue } from '../../protocol/field-table.ts'
import { hashText, mixBits } from '../../util/hash.ts'
import {
  type Binding,
  type Destination,
  type ExchangeRouting,
  isExchange,
  type Matches,
  type RoutedMessage,
} from './exchange.ts'

const PROPERTIES = ['message_id', 'correlation_id', 'timestamp']
/** Maximum weight of a single binding. */
const WEIGHT_MAX = 10_000

interface Share {
  readonly destination: Destination
  /** Hash of the destination's name: independent of other bindings, and the same after a restart. */
  readonly seed: number
  /** Sum of the weights of all bindings to the destination. */
  weight: number
}

/**
 * x-consistent-hash: routes each message to one destination, chosen by a hash of the routing key (or of a header or
 * property), in proportion to the weights given as binding keys. Each destination draws a number for the message, and
 * the highest one wins (weighted rendezvous hashing): when a destination is added or removed, only the messages that it
 * gains or loses change their destination. The cost does not depend on the weights.
 */
export class ConsistentHashRouting implements ExchangeRouting {
  readonly byKeyOnly: boolean
  readonly keyless: boolean
  private readonly header: string | undefined
  private readonly property: string | undefined
  private readonly shares = new Map<Destination, Share>()

  /** @throws AmqpError 406 for invalid arguments */
  constructor(args: FieldTable) {
    this.header = args.text('hash-header')
    this.property = args.text('hash-property')
    if (this.header !== undefined && this.property !== undefined)
      throw preconditionFailed('hash-header and hash-property are mutually exclusive')
    if (this.property !== undefined && !PROPERTIES.includes(this.property))
      throw preconditionFailed(`Unsupported property: ${this.property}`)
    this.byKeyOnly = this.header === undefined && this.property === undefined
    this.keyless = !this.byKeyOnly
  }

  checkBinding(key: string): void {
    if (!/^[+-]?\d+$/.test(key)) throw preconditionFailed(`The binding key must be an integer: <<"${key}">>`)
    const weight = Number(key)
    if (weight < 1) throw preconditionFailed('The binding key must be greater than 0')
    if (weight > WEIGHT_MAX)
      throw preconditionFailed(`The binding key must not be greater than ${WEIGHT_MAX}`)
  }

  add({ destination, routingKey }: Binding): void {
    const share = this.shares.get(destination)
    if (share !== undefined) share.weight += Number(routingKey)
    else {
      const seed = hashText(`${isExchange(destination) ? 'exchange' : 'queue'}\0${destination.name}`)
      this.shares.set(destination, { destination, seed, weight: Number(routingKey) })
    }
  }

  remove({ destination, routingKey }: Binding): void {
    const share = this.shares.get(destination)
    if (share === undefined) return
    share.weight -= Number(routingKey)
    if (share.weight <= 0) this.shares.delete(destination)
  }

  route(message: RoutedMessage, matches: Matches): void {
    const text = this.hashed(message)
    matches.steps(Math.floor(text.length / HASHED_PER_STEP))
    const hash = hashText(text)
    let best = -Infinity
    let chosen: Destination | undefined
    for (const { destination, seed, weight } of this.shares.values()) {
      const lot = (mixBits(hash ^ seed) + 0.5) / 2 ** 32
      // Compared is ln(lot) / weight. ln(lot) <= lot - 1, which is cheaper to compute and mostly decides.
      if (lot - 1 < best * weight) continue
      const drawn = Math.log(lot) / weight
      if (drawn <= best) continue
      best = drawn
      chosen = destination
    }
    matches.steps(this.shares.size)
    if (chosen !== undefined) matches.add(chosen)
  }

  private hashed(message: RoutedMessage): string {
    if (this.header !== undefined) return plainText(message.headers().get(this.header))
    const { messageId, correlationId, timestamp } = message.properties()
    switch (this.property) {
      case undefined:
        return message.routingKey
      case 'message_id':
        return messageId ?? ''
      case 'correlation_id':
        return correlationId ?? ''
      default:
        return timestamp === undefined ? '' : String(timestamp)
    }
  }
}

function plainText(v: FieldValue | undefined): string {
  if (v === undefined || v.type === 'V') return ''
  return v.value instanceof FieldTable ? v.value.bytes.toString('latin1') : String(v.value)
}
