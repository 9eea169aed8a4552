/**
 * The bindings of a vhost, which can be found by source, by destination, or by identity. There may be a million, so
 * each needs little memory.
 */
import type { FieldTable } from '../../protocol/field-table.ts'
import { withOneMore } from '../../util/few.ts'
import type { Binding, Destination, Exchange } from './exchange.ts'

/** Up to this number, bindings of a destination are searched one by one; with more, they are in a map by identity. */
const SEARCHED_MAX = 8

/** The bindings of one destination, in the order in which they were added; mostly there is one. */
type Into = Binding | Binding[] | Map<string, Binding>

/** Identifies a binding among those of one destination. */
function identity(source: Exchange, routingKey: string, args: FieldTable): string {
  // Names and keys may contain any octet, so none can separate them.
  return `${source.name.length} ${routingKey.length} ${source.name}${routingKey}${args.bytes.toString('latin1')}`
}

function isSame(b: Binding, source: Exchange, routingKey: string, args: FieldTable): boolean {
  return b.source === source && b.routingKey === routingKey && b.arguments.bytes.equals(args.bytes)
}

function findIn(
  all: Into | undefined,
  source: Exchange,
  routingKey: string,
  args: FieldTable,
): Binding | undefined {
  if (all === undefined) return undefined
  if (Array.isArray(all)) return all.find((b) => isSame(b, source, routingKey, args))
  if (!(all instanceof Map)) return isSame(all, source, routingKey, args) ? all : undefined
  const found = all.get(identity(source, routingKey, args))
  // The map may have the binding of a deleted exchange of the same name, which is still being removed.
  return found?.source === source ? found : undefined
}

/** The bindings are kept in the destination itself: looking it up in a map with very many destinations is slow. */
function into(d: Destination): Into | undefined {
  return d.boundTo as Into | undefined
}

/**
 * The bindings of one source, linked with each other in the order in which they were added: a set of so many would be
 * copied again and again as it grows.
 */
class Outgoing {
  count = 0
  first: Binding | undefined
  private last: Binding | undefined

  append(b: Binding): void {
    b.before = this.last
    if (this.last === undefined) this.first = b
    else this.last.after = b
    this.last = b
    this.count++
  }

  has(b: Binding): boolean {
    return b === this.first || (b.before !== undefined && b.before.after === b)
  }

  /** What is removed keeps its place, so that an iteration that has come to it can go on. */
  remove(b: Binding): void {
    const { before, after } = b
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    this.count--
  }

  *[Symbol.iterator](): Iterator<Binding> {
    for (let b = this.first; b !== undefined; b = b.after) if (this.has(b)) yield b
  }
}

export class Bindings {
  private readonly bySource = new Map<Exchange, Outgoing>()
  size = 0

  /** False if the binding exists already. */
  add(b: Binding): boolean {
    const { destination: d, source, routingKey, arguments: args } = b
    const all = into(d)
    if (findIn(all, source, routingKey, args) !== undefined) return false
    let out = this.bySource.get(source)
    if (out === undefined) {
      out = new Outgoing()
      this.bySource.set(source, out)
    }
    out.append(b)
    this.size++
    if (all === undefined) d.boundTo = b
    else if (all instanceof Map) all.set(identity(source, routingKey, args), b)
    else if (!Array.isArray(all)) d.boundTo = [all, b]
    else if (all.length < SEARCHED_MAX) d.boundTo = withOneMore(all, b)
    else
      d.boundTo = new Map([...all, b].map((i) => [identity(i.source, i.routingKey, i.arguments), i] as const))
    return true
  }

  find(source: Exchange, d: Destination, routingKey: string, args: FieldTable): Binding | undefined {
    return findIn(into(d), source, routingKey, args)
  }

  /** Returns false if the binding does not exist. */
  remove(b: Binding): boolean {
    const out = this.bySource.get(b.source)
    if (!out?.has(b)) return false
    out.remove(b)
    this.size--
    if (out.count === 0) this.bySource.delete(b.source)
    this.removeInto(b)
    return true
  }

  private removeInto(b: Binding): void {
    const d = b.destination
    const all = into(d)
    if (all === undefined) return
    if (Array.isArray(all)) {
      const at = all.indexOf(b)
      if (at >= 0) all.splice(at, 1)
      if (all.length === 0) d.boundTo = undefined
      return
    }
    if (!(all instanceof Map)) {
      if (all === b) d.boundTo = undefined
      return
    }
    const id = identity(b.source, b.routingKey, b.arguments)
    if (all.get(id) === b) all.delete(id)
    if (all.size === 0) d.boundTo = undefined
  }

  countFrom(x: Exchange): number {
    return this.bySource.get(x)?.count ?? 0
  }

  /** Bindings may be removed while this is being iterated. */
  from(x: Exchange): Iterable<Binding> {
    return this.bySource.get(x) ?? []
  }

  to(d: Destination): Binding[] {
    const all = into(d)
    if (all instanceof Map || Array.isArray(all)) return [...all.values()]
    return all === undefined ? [] : [all]
  }

  *[Symbol.iterator](): Iterator<Binding> {
    for (const out of this.bySource.values()) yield* out
  }
}
