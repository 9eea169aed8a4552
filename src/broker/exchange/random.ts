import { HASHED_PER_STEP } from '../../limits.ts'
import { hashText } from '../../util/hash.ts'
import type { Binding, Destination, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/** Routes to one of the bound destinations; binding keys are ignored. */
abstract class OneOfAll implements ExchangeRouting {
  abstract readonly byKeyOnly: boolean
  abstract readonly keyless: boolean
  /** The destinations with the number of their bindings, in the order of their first binding. */
  private readonly destinations = new Map<Destination, number>()
  /** The destinations as a list, built on demand. */
  private list: Destination[] | undefined

  add({ destination }: Binding): void {
    this.destinations.set(destination, (this.destinations.get(destination) ?? 0) + 1)
    this.list = undefined
  }

  remove({ destination }: Binding): void {
    const left = (this.destinations.get(destination) ?? 0) - 1
    if (left > 0) this.destinations.set(destination, left)
    else this.destinations.delete(destination)
    this.list = undefined
  }

  /** Returns an index below `count`. */
  protected abstract choose(message: RoutedMessage, count: number): number

  route(message: RoutedMessage, matches: Matches): void {
    if (this.list === undefined) {
      this.list = [...this.destinations.keys()]
      matches.steps(this.list.length)
    }
    const count = this.list.length
    if (!this.keyless) matches.steps(Math.floor(message.routingKey.length / HASHED_PER_STEP))
    if (count > 0) matches.add(this.list[this.choose(message, count)] as Destination)
  }
}

/** x-random: routes to a random destination. */
export class RandomRouting extends OneOfAll {
  readonly byKeyOnly = false
  readonly keyless = true
  private readonly random: () => number

  /** @param random returns a number from 0 (inclusive) to 1 (exclusive) */
  constructor(random: () => number) {
    super()
    this.random = random
  }

  protected choose(_message: RoutedMessage, count: number): number {
    return Math.floor(this.random() * count)
  }
}

/** x-modulus-hash: routes by the hash of the routing key, modulo the number of destinations. */
export class ModulusHashRouting extends OneOfAll {
  readonly byKeyOnly = true
  readonly keyless = false

  protected choose(message: RoutedMessage, count: number): number {
    return hashText(message.routingKey) % count
  }
}
