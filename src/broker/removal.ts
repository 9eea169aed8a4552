/**
 * Removes exchanges, queues and bindings of a vhost, together with the auto-delete exchanges that nothing is bound to
 * any more. An object cannot be found any more after the first step; its consumers and bindings are removed in the
 * steps that follow.
 */
import { OBJECTS_PER_STEP } from '../limits.ts'
import type { GoneCounters } from './counters.ts'
import type { Bindings } from './exchange/bindings.ts'
import { type Binding, type Exchange, isExchange } from './exchange/exchange.ts'
import { Incarnations } from './incarnations.ts'
import { inSteps, type Steps } from './jobs.ts'
import type { Queue } from './queue/queue.ts'

/** The parts of a vhost that objects are removed from. */
export interface Losing {
  readonly exchanges: Map<string, Exchange>
  readonly queues: Map<string, Queue>
  readonly bindings: Bindings
  readonly gone: GoneCounters
  /** Incremented with every change. */
  version: number
  /** Removes an existing queue from the vhost. */
  takeOut(q: Queue): number
}

export class Removal {
  readonly incarnations = new Incarnations()
  private readonly vhost: Losing
  private readonly exchangeRemoved: (x: Exchange) => void
  private readonly bindingRemoved: (b: Binding) => void

  constructor(vhost: Losing, exchangeRemoved: (x: Exchange) => void, bindingRemoved: (b: Binding) => void) {
    this.vhost = vhost
    this.exchangeRemoved = exchangeRemoved
    this.bindingRemoved = bindingRemoved
  }

  /**
   * Removes exchanges with their bindings, then the auto-delete exchanges left without bindings, and so on.
   * @param out exchanges that have been taken out of the vhost already, and still have bindings to them
   */
  *exchanges(going: Exchange[], out: Exchange[] = []): Steps {
    const { bindings } = this.vhost
    let left = OBJECTS_PER_STEP
    for (let next = this.next(out, going); next !== undefined; next = this.next(out, going)) {
      yield* inSteps(bindings.from(next), OBJECTS_PER_STEP, (b) => this.drop(b))
      yield* this.unbind(bindings.to(next), out)
      this.incarnations.left(next)
      if (--left > 0) continue
      left = OBJECTS_PER_STEP
      yield
    }
  }

  /** The next exchange whose bindings are to be removed; it is out of the vhost. */
  private next(out: Exchange[], going: Exchange[]): Exchange | undefined {
    let next = out.pop()
    while (next === undefined) {
      const x = going.pop()
      if (x === undefined) return undefined
      if (this.takeOut(x)) next = x
    }
    return next
  }

  /** Returns false if the exchange is out of the vhost already. */
  private takeOut(x: Exchange): boolean {
    const { vhost } = this
    if (vhost.exchanges.get(x.name) !== x) return false
    vhost.exchanges.delete(x.name)
    x.deleted = true
    vhost.gone.published += x.published
    vhost.version++
    this.incarnations.leaves(x)
    if (x.durable) this.exchangeRemoved(x)
    x.destroy()
    return true
  }

  *queues(going: Iterable<Queue>): Steps {
    const { vhost } = this
    let left = OBJECTS_PER_STEP
    for (const q of going) {
      if (vhost.queues.get(q.name) !== q) continue
      vhost.takeOut(q)
      yield* this.behind(q)
      if (--left > 0) continue
      left = OBJECTS_PER_STEP
      yield
    }
  }

  /** Cancels the consumers and removes the bindings of a queue that has been taken out of the vhost. */
  *behind(q: Queue): Steps {
    yield* q.tellingConsumers()
    yield* this.bindings(this.vhost.bindings.to(q))
    this.incarnations.left(q)
  }

  *bindings(list: readonly Binding[]): Steps {
    const out: Exchange[] = []
    yield* this.unbind(list, out)
    yield* this.exchanges([], out)
  }

  /**
   * @param out receives the auto-delete sources that have no bindings left. Each is taken out with its last binding: if
   * the process ended between the two, nothing would remove it any more.
   */
  private unbind(list: readonly Binding[], out: Exchange[]): Steps {
    return inSteps(list, OBJECTS_PER_STEP, (b) => {
      this.drop(b)
      const { source } = b
      if (source.autoDelete && source.outgoing === 0 && this.takeOut(source)) out.push(source)
    })
  }

  private drop(b: Binding): void {
    // The binding may have been removed meanwhile with the object at its other end.
    if (!this.vhost.bindings.remove(b)) return
    b.source.routing.remove(b)
    b.source.outgoing--
    this.vhost.version++
    if (b.durable && !this.isTaken(b)) this.bindingRemoved(b)
  }

  /** Whether a new durable binding has the same names, and thus the same key in the store: its record must stay. */
  private isTaken({ source, destination, routingKey, arguments: args }: Binding): boolean {
    if (!source.deleted && !destination.deleted) return false
    const { exchanges, queues, bindings } = this.vhost
    const from = exchanges.get(source.name)
    const to = (isExchange(destination) ? exchanges : queues).get(destination.name)
    if (from === undefined || to === undefined) return false
    return bindings.find(from, to, routingKey, args)?.durable === true
  }
}
