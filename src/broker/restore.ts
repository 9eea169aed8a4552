/**
 * Restores the objects of the store one by one, so that an unreadable or unusable object is quarantined and all others
 * are served. Code that throws here must leave nothing half done.
 */
import { sharedTable } from './arguments/shared-table.ts'
import { Binding, type Destination, type Exchange } from './exchange/exchange.ts'
import { isExchangeType } from './exchange/registry.ts'
import { incarnationOf, setIncarnation } from './incarnations.ts'
import { classic, type QueueKind, queueKind } from './queue/kinds/kinds.ts'
import type { Queue, QueueInfo } from './queue/queue.ts'
import type {
  StoredBinding,
  StoredExchange,
  StoredPolicy,
  StoredQueue,
  TopologyStore,
} from './topology-store.ts'
import { type Vhost, type VhostInfo, vhostInfo } from './vhost.ts'

export interface RestoredInto {
  readonly vhosts: ReadonlyMap<string, Vhost>
  /** Whether vhosts could not be read. If an object names an unknown vhost, it is created with default properties. */
  readonly vhostsMissing: boolean
  /** Whether an exchange or queue could not be read or used, so that a binding may belong to it. */
  readonly endsMissing: boolean
  makeVhost(info: VhostInfo): Vhost
  setVhost(info: VhostInfo): Vhost
  restoreExchange(vhost: Vhost, x: StoredExchange): Exchange
  restoreQueue(vhost: Vhost, info: QueueInfo, log: number): Queue
}

export function restoreVhosts(topology: TopologyStore, into: RestoredInto): void {
  topology.restore<VhostInfo>('vhost', (stored) => {
    free(into.vhosts, text(stored.name))
    into.makeVhost(vhostInfo(stored))
  })
}

export function restoreObjects(topology: TopologyStore, into: RestoredInto): void {
  topology.restore<StoredPolicy>('policy', (p) => restorePolicy(vhostOf(into, p.vhost), p))
  topology.restore<StoredExchange>('exchange', (x) => {
    const vhost = vhostOf(into, x.vhost)
    free(vhost.exchanges, text(x.name))
    if (!isExchangeType(x.type)) throw new Error(`exchanges of type ${x.type} are not known`)
    setIncarnation(into.restoreExchange(vhost, x), x.incarnation)
  })
  topology.restoreLastLog()
  topology.restore<StoredQueue>('queue', (q) => {
    const vhost = vhostOf(into, q.vhost)
    free(vhost.queues, text(q.name))
    if (!Number.isSafeInteger(q.log)) throw new Error('it has no number of a log')
    const { name, autoDelete, arguments: args } = q
    const info = {
      name,
      durable: true,
      exclusive: false,
      autoDelete,
      kind: kindOf(q.kind),
      arguments: sharedTable(args),
    }
    const queue = into.restoreQueue(vhost, info, q.log)
    setIncarnation(queue, q.incarnation)
    vhost.restoreQueue(queue)
  })
  const unused: (() => void)[] = []
  topology.restore<StoredBinding>('binding', (b, key) => {
    const vhost = vhostOf(into, b.vhost)
    const source = vhost.exchanges.get(b.source)
    const destination = destinationOf(vhost, b)
    const lacksOne = source === undefined || destination === undefined
    if (!lacksOne && isIt(source, b.sourceIncarnation) && isIt(destination, b.destinationIncarnation)) {
      const args = sharedTable(b.arguments)
      vhost.restoreBinding(new Binding(source, destination, text(b.routingKey), args, true))
      return
    }
    // With no exchange or queue quarantined, the end was being deleted when the process ended: drop the binding too.
    if (into.endsMissing && lacksOne) throw new Error('one of its ends is not there')
    topology.dropBinding(key)
    if (source?.autoDelete && isIt(source, b.sourceIncarnation)) unused.push(() => vhost.removeUnused(source))
  })
  for (const remove of unused) remove()
}

function vhostOf(into: RestoredInto, name: string): Vhost {
  const found = into.vhosts.get(name)
  if (found !== undefined) return found
  if (!into.vhostsMissing) throw new Error('its vhost is not there')
  return into.setVhost(vhostInfo({ name: text(name), down: true }))
}

function text(name: unknown): string {
  if (typeof name !== 'string') throw new Error('it has no name')
  return name
}

/** @throws Error if the name is in use: a new object has the name of one that an earlier start quarantined */
function free(all: ReadonlyMap<string, unknown>, name: string): void {
  if (all.has(name)) throw new Error('another one has its name')
}

/** @throws Error for an unknown queue type, which a later release has stored */
function kindOf(name: string | undefined): QueueKind {
  const kind = name === undefined ? classic : queueKind(name)
  if (kind === undefined) throw new Error(`queues of type ${name} are not known`)
  return kind
}

function restorePolicy(vhost: Vhost, p: StoredPolicy): void {
  const { policies } = vhost
  if ((p.operator ? policies.operator : policies.user).get(text(p.name)) !== undefined)
    throw new Error('another one has its name')
  if (typeof p.definition !== 'object' || p.definition === null) throw new Error('it has no definition')
  vhost.restorePolicy(p, p.operator)
}

function destinationOf(vhost: Vhost, b: StoredBinding): Destination | undefined {
  const ends: ReadonlyMap<string, Destination> =
    b.destinationType === 'queue' ? vhost.queues : vhost.exchanges
  return ends.get(b.destination)
}

/** Whether it is the end of the binding, and not a later one of the same name. */
function isIt(end: Destination, incarnation = 0): boolean {
  return incarnationOf(end) === incarnation
}
