import type { Binding, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/** The routing key equals the binding key. */
export class DirectRouting implements ExchangeRouting {
  readonly byKeyOnly = true
  private readonly byKey = new Map<string, Set<Binding>>()

  add(b: Binding): void {
    const set = this.byKey.get(b.routingKey)
    if (set === undefined) this.byKey.set(b.routingKey, new Set([b]))
    else set.add(b)
  }

  remove(b: Binding): void {
    const set = this.byKey.get(b.routingKey)
    if (set?.delete(b) && set.size === 0) this.byKey.delete(b.routingKey)
  }

  route(message: RoutedMessage, matches: Matches): void {
    const set = this.byKey.get(message.routingKey)
    if (set !== undefined) for (const b of set) matches.add(b.destination)
  }
}
