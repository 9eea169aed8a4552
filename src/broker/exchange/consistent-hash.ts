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
/** The highest weight of one binding. */
const WEIGHT_MAX = 10_000

interface Share {
  readonly destination: Destination
  /** Seed from the destination's name: independent of other bindings, and stable across restarts. */
  readonly seed: number
  /** Of all its bindings together. */
  weight: number
}

/**
 * Each message to one destination, chosen by a hash of the routing key (or of a header or property), with chances in
 * proportion to the weights that the binding keys give. Each destination draws a lot of its own for the message, and
 * the highest wins (weighted rendezvous hashing): where a destination comes or goes, only the messages that it gains or
 * loses move. The cost does not depend on the weights.
 */
export class ConsistentHashRouting implements ExchangeRouting {
  readonly byKeyOnly: boolean
  readonly keyless: boolean
  private readonly header: string | undefined
  private readonly property: string | undefined
  private readonly shares = new Map<Destination, Share>()

  /** @throws AmqpError 406 */
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
      // The lot to compare is ln(lot) / weight. ln(lot) is below lot - 1, which is cheaper and mostly decides.
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
