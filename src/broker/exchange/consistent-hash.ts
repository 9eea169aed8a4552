import { preconditionFailed } from '../../protocol/errors.ts'
import { FieldTable, type FieldValue } from '../../protocol/field-table.ts'
import { hashText } from '../../util/hash.ts'
import type { Binding, Destination, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

const PROPERTIES = ['message_id', 'correlation_id', 'timestamp']
/** Buckets that one binding may ask for. */
const WEIGHT_MAX = 10_000
/** Points of one bucket on the ring: the more, the more even. */
const POINTS = 40

interface Point {
  readonly at: number
  readonly destination: Destination
}

/**
 * Each message to one destination, chosen by a hash of the routing key (or of a header or property), with chances in
 * proportion to the weights that the binding keys give. A ring: where a destination comes or goes, most messages keep
 * theirs.
 */
export class ConsistentHashRouting implements ExchangeRouting {
  readonly byKeyOnly: boolean
  private readonly header: string | undefined
  private readonly property: string | undefined
  private readonly bindings = new Set<Binding>()
  private ring: Point[] | undefined

  /** @throws AmqpError 406 */
  constructor(args: FieldTable) {
    this.header = args.text('hash-header')
    this.property = args.text('hash-property')
    if (this.header !== undefined && this.property !== undefined)
      throw preconditionFailed('hash-header and hash-property are mutually exclusive')
    if (this.property !== undefined && !PROPERTIES.includes(this.property))
      throw preconditionFailed(
        `Unsupported property: ${this.property}; hash-property must be one of: ${PROPERTIES.join(', ')}`,
      )
    this.byKeyOnly = this.header === undefined && this.property === undefined
  }

  checkBinding(key: string): void {
    if (!/^[+-]?\d+$/.test(key)) throw preconditionFailed(`The binding key must be an integer: ${key}`)
    const weight = Number(key)
    if (weight < 1) throw preconditionFailed('The binding key must be greater than 0')
    if (weight > WEIGHT_MAX)
      throw preconditionFailed(`The binding key must not be greater than ${WEIGHT_MAX}`)
  }

  add(b: Binding): void {
    this.bindings.add(b)
    this.ring = undefined
  }

  remove(b: Binding): void {
    this.bindings.delete(b)
    this.ring = undefined
  }

  route(message: RoutedMessage, matches: Matches): void {
    if (this.bindings.size === 0) return
    this.ring ??= makeRing(this.bindings)
    const at = hashText(this.hashed(message))
    let low = 0
    let high = this.ring.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.ring[middle] as Point).at < at) low = middle + 1
      else high = middle
    }
    matches.add((this.ring[low % this.ring.length] as Point).destination)
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

function makeRing(bindings: ReadonlySet<Binding>): Point[] {
  const ring: Point[] = []
  for (const { destination, routingKey } of bindings)
    for (let i = Number(routingKey) * POINTS; i > 0; i--)
      ring.push({ at: hashText(`${destination.name}\0${i}`), destination })
  return ring.sort((a, b) => a.at - b.at)
}
