import { type Few, itemsOf, withItem, withoutItem } from '../../util/few.ts'
import type { Binding, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/** direct: routes to bindings whose key equals the routing key. */
export class DirectRouting implements ExchangeRouting {
  readonly byKeyOnly = true
  private readonly byKey = new Map<string, Few<Binding>>()

  add(b: Binding): void {
    this.byKey.set(b.routingKey, withItem(this.byKey.get(b.routingKey), b))
  }

  remove(b: Binding): void {
    const left = withoutItem(this.byKey.get(b.routingKey), b)
    if (left === undefined) this.byKey.delete(b.routingKey)
    else this.byKey.set(b.routingKey, left)
  }

  route(message: RoutedMessage, matches: Matches): void {
    for (const b of itemsOf(this.byKey.get(message.routingKey))) matches.add(b.destination)
  }
}
