/** From an exchange and a message to the queues that get it: bindings, exchanges in between, alternate exchanges. */
import type { FieldTable } from '../protocol/field-table.ts'
import {
  type Destination,
  type Exchange,
  isExchange,
  type Matches,
  type RoutedMessage,
} from './exchange/exchange.ts'
import type { WorkQueue } from './queue/work-queue.ts'

export interface Route {
  readonly queues: readonly WorkQueue[]
  /** The same exchange and key lead to the same queues until a binding changes. */
  readonly byKeyOnly: boolean
}

/** A message that is not on the fast path, or the part of one that routing may look at. */
export class PlainMessage implements RoutedMessage {
  readonly routingKey: string
  private readonly table: FieldTable

  constructor(routingKey: string, table: FieldTable) {
    this.routingKey = routingKey
    this.table = table
  }

  headers(): FieldTable {
    return this.table
  }
}

let stamps = 0

/** One search; a queue or exchange is taken at most once, which also ends cycles. */
class Search implements Matches {
  readonly queues: WorkQueue[] = []
  byKeyOnly = true
  private readonly stamp = ++stamps
  private readonly open: Exchange[] = []
  private found = 0
  private readonly findExchange: (name: string) => Exchange | undefined

  constructor(findExchange: (name: string) => Exchange | undefined) {
    this.findExchange = findExchange
  }

  add(d: Destination): void {
    this.found++
    if (d.routeStamp === this.stamp) return
    d.routeStamp = this.stamp
    if (isExchange(d)) this.open.push(d)
    else this.queues.push(d)
  }

  run(from: Exchange, messages: readonly RoutedMessage[]): void {
    this.add(from)
    for (let x = this.open.pop(); x !== undefined; x = this.open.pop()) {
      if (!x.routing.byKeyOnly) this.byKeyOnly = false
      this.found = 0
      for (const m of messages) x.routing.route(m, this)
      if (this.found > 0 || x.alternate === undefined) continue
      const alternate = this.findExchange(x.alternate)
      if (alternate !== undefined) this.add(alternate)
    }
  }
}

/** @param messages the same message under its routing key and each of its CC and BCC keys */
export function route(
  from: Exchange,
  messages: readonly RoutedMessage[],
  findExchange: (name: string) => Exchange | undefined,
): Route {
  const search = new Search(findExchange)
  search.run(from, messages)
  return search
}
