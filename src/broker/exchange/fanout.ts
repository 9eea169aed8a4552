import type { Binding, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/** fanout: routes to every bound destination, whatever the routing key. */
export class FanoutRouting implements ExchangeRouting {
  readonly byKeyOnly: boolean = true
  readonly keyless = true
  protected readonly bindings = new Set<Binding>()

  add(b: Binding): void {
    this.bindings.add(b)
  }

  remove(b: Binding): void {
    this.bindings.delete(b)
  }

  route(_message: RoutedMessage, matches: Matches): void {
    for (const b of this.bindings) matches.add(b.destination)
  }
}
