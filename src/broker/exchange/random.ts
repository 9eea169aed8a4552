import { hashText } from '../../util/hash.ts'
import type { Binding, Destination, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/** One destination of all that are bound; the binding keys do not matter. */
abstract class OneOfAll implements ExchangeRouting {
  abstract readonly byKeyOnly: boolean
  private readonly bindings = new Set<Binding>()
  private destinations: Destination[] = []

  add(b: Binding): void {
    this.bindings.add(b)
    this.list()
  }

  remove(b: Binding): void {
    this.bindings.delete(b)
    this.list()
  }

  private list(): void {
    this.destinations = [...new Set([...this.bindings].map((b) => b.destination))]
  }

  /** A number from 0 up to `count`, exclusive. */
  protected abstract choose(message: RoutedMessage, count: number): number

  route(message: RoutedMessage, matches: Matches): void {
    const count = this.destinations.length
    if (count > 0) matches.add(this.destinations[this.choose(message, count)] as Destination)
  }
}

/** x-random: chance decides. */
export class RandomRouting extends OneOfAll {
  readonly byKeyOnly = false
  private readonly random: () => number

  /** @param random 0 up to 1, exclusive */
  constructor(random: () => number) {
    super()
    this.random = random
  }

  protected choose(_message: RoutedMessage, count: number): number {
    return Math.floor(this.random() * count)
  }
}

/** x-modulus-hash: the hash of the routing key, modulo the number of destinations. */
export class ModulusHashRouting extends OneOfAll {
  readonly byKeyOnly = true

  protected choose(message: RoutedMessage, count: number): number {
    return hashText(message.routingKey) % count
  }
}
