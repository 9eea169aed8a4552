/** All bindings of a vhost, found by either end or by identity. */
import type { FieldTable } from '../../protocol/field-table.ts'
import { type Binding, type Destination, type Exchange, isExchange } from './exchange.ts'

function identity(d: Destination, routingKey: string, args: FieldTable): string {
  return `${isExchange(d) ? 'x' : 'q'}\0${d.name}\0${routingKey}\0${args.bytes.toString('latin1')}`
}

export class Bindings {
  private readonly bySource = new Map<Exchange, Map<string, Binding>>()
  private readonly byDestination = new Map<Destination, Set<Binding>>()
  size = 0

  /** False where the same binding is there already. */
  add(b: Binding): boolean {
    let out = this.bySource.get(b.source)
    if (out === undefined) {
      out = new Map()
      this.bySource.set(b.source, out)
    }
    const id = identity(b.destination, b.routingKey, b.arguments)
    if (out.has(id)) return false
    out.set(id, b)
    this.size++
    const into = this.byDestination.get(b.destination)
    if (into === undefined) this.byDestination.set(b.destination, new Set([b]))
    else into.add(b)
    return true
  }

  find(source: Exchange, d: Destination, routingKey: string, args: FieldTable): Binding | undefined {
    return this.bySource.get(source)?.get(identity(d, routingKey, args))
  }

  remove(b: Binding): void {
    const out = this.bySource.get(b.source)
    if (out?.delete(identity(b.destination, b.routingKey, b.arguments))) this.size--
    if (out?.size === 0) this.bySource.delete(b.source)
    const into = this.byDestination.get(b.destination)
    into?.delete(b)
    if (into?.size === 0) this.byDestination.delete(b.destination)
  }

  from(x: Exchange): Binding[] {
    return [...(this.bySource.get(x)?.values() ?? [])]
  }

  to(d: Destination): Binding[] {
    return [...(this.byDestination.get(d) ?? [])]
  }

  *[Symbol.iterator](): Iterator<Binding> {
    for (const out of this.bySource.values()) yield* out.values()
  }
}
