/** Bindings in lists: there may be very many, so each one is described only when it is reached. */
import type { Binding } from '../broker/exchange/exchange.ts'
import type { Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import { bindingJson, implicitBindingJson } from './describe.ts'
import type { Listed } from './listing.ts'

/** A binding, or the implicit binding of a queue to the default exchange. */
export interface BindingRow {
  readonly vhost: Vhost
  readonly bound: Binding | Queue
}

const isQueue = (bound: Binding | Queue): bound is Queue => !('source' in bound)

export const bindingKind: Listed<BindingRow> = {
  name: ({ bound }) => (isQueue(bound) ? '' : bound.source.name),
  vhost: ({ vhost }) => vhost.name,
  describe: ({ vhost, bound }) =>
    isQueue(bound) ? implicitBindingJson(vhost, bound) : bindingJson(vhost, bound),
}

export function* bindingRows(vhost: Vhost, list: Iterable<Binding>): Iterable<BindingRow> {
  for (const bound of list) yield { vhost, bound }
}

export function* implicitRows(vhost: Vhost): Iterable<BindingRow> {
  for (const bound of vhost.queues.values()) yield { vhost, bound }
}

export function* allRows(vhosts: readonly Vhost[]): Iterable<BindingRow> {
  for (const vhost of vhosts) {
    yield* implicitRows(vhost)
    yield* bindingRows(vhost, vhost.bindings)
  }
}
