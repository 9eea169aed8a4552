/** All bindings of a vhost, found by either end or by identity. There may be a million: each costs little. */
import type { FieldTable } from '../../protocol/field-table.ts'
import { withOneMore } from '../../util/few.ts'
import type { Binding, Destination, Exchange } from './exchange.ts'

/** Bindings of one destination that are searched one by one; more are found by their identity. */
const SEARCHED_MAX = 8

/** Those of one destination, in the order in which they came; mostly it is one. */
type Into = Binding | Binding[] | Map<string, Binding>

/** Of a binding among those of one destination. */
function identity(source: Exchange, routingKey: string, args: FieldTable): string {
  return `${source.name}\0${routingKey}\0${args.bytes.toString('latin1')}`
}

function isSame(b: Binding, source: Exchange, routingKey: string, args: FieldTable): boolean {
  return b.source === source && b.routingKey === routingKey && b.arguments.bytes.equals(args.bytes)
}

function findIn(
  into: Into | undefined,
  source: Exchange,
  routingKey: string,
  args: FieldTable,
): Binding | undefined {
  if (into === undefined) return undefined
  if (Array.isArray(into)) return into.find((b) => isSame(b, source, routingKey, args))
  if (!(into instanceof Map)) return isSame(into, source, routingKey, args) ? into : undefined
  const found = into.get(identity(source, routingKey, args))
  // One whose source is going may have the name.
  return found?.source === source ? found : undefined
}

export class Bindings {
  private readonly bySource = new Map<Exchange, Set<Binding>>()
  private readonly byDestination = new Map<Destination, Into>()
  size = 0

  /** False if the binding exists already. */
  add(b: Binding): boolean {
    const into = this.byDestination.get(b.destination)
    if (findIn(into, b.source, b.routingKey, b.arguments) !== undefined) return false
    const out = this.bySource.get(b.source)
    if (out === undefined) this.bySource.set(b.source, new Set([b]))
    else out.add(b)
    this.size++
    if (into === undefined) this.byDestination.set(b.destination, b)
    else if (into instanceof Map) into.set(identity(b.source, b.routingKey, b.arguments), b)
    else if (!Array.isArray(into)) this.byDestination.set(b.destination, [into, b])
    else if (into.length < SEARCHED_MAX) this.byDestination.set(b.destination, withOneMore(into, b))
    else {
      const all = [...into, b].map((i) => [identity(i.source, i.routingKey, i.arguments), i] as const)
      this.byDestination.set(b.destination, new Map(all))
    }
    return true
  }

  find(source: Exchange, d: Destination, routingKey: string, args: FieldTable): Binding | undefined {
    return findIn(this.byDestination.get(d), source, routingKey, args)
  }

  /** False where it is not there. */
  remove(b: Binding): boolean {
    const out = this.bySource.get(b.source)
    if (!out?.delete(b)) return false
    this.size--
    if (out.size === 0) this.bySource.delete(b.source)
    this.removeInto(b)
    return true
  }

  private removeInto(b: Binding): void {
    const into = this.byDestination.get(b.destination)
    if (into === undefined) return
    if (Array.isArray(into)) {
      const at = into.indexOf(b)
      if (at >= 0) into.splice(at, 1)
      if (into.length === 0) this.byDestination.delete(b.destination)
      return
    }
    if (!(into instanceof Map)) {
      if (into === b) this.byDestination.delete(b.destination)
      return
    }
    const id = identity(b.source, b.routingKey, b.arguments)
    if (into.get(id) === b) into.delete(id)
    if (into.size === 0) this.byDestination.delete(b.destination)
  }

  countFrom(x: Exchange): number {
    return this.bySource.get(x)?.size ?? 0
  }

  /** May be walked while they are removed. */
  from(x: Exchange): Iterable<Binding> {
    return this.bySource.get(x) ?? []
  }

  to(d: Destination): Binding[] {
    const into = this.byDestination.get(d)
    if (into instanceof Map || Array.isArray(into)) return [...into.values()]
    return into === undefined ? [] : [into]
  }

  *[Symbol.iterator](): Iterator<Binding> {
    for (const out of this.bySource.values()) yield* out
  }
}
