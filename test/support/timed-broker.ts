/** A broker without clients, in memory, whose clock is told the time. */
import { Broker } from '../../src/broker/broker.ts'
import { classic, type QueueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from './manual-clock.ts'

export type Plain = Parameters<typeof FieldTable.from>[0]

/** Of queues and exchanges where nothing else is said. */
export const transient = { durable: false, exclusive: false, autoDelete: false }

export interface TimedBroker<C extends ManualClock> {
  readonly clock: C
  readonly broker: Broker
  readonly vhost: Vhost
  /** Makes a queue that is not durable. */
  queue(name: string, args?: Plain, kind?: QueueKind): Queue
}

export function timedBroker(): TimedBroker<ManualClock>
export function timedBroker<C extends ManualClock>(clock: C, keeps?: boolean): TimedBroker<C>
export function timedBroker(clock = new ManualClock(), keeps = true): TimedBroker<ManualClock> {
  const storage = new MemoryStorage({ keeps })
  const broker = new Broker(storage, new GroupCommit(storage, clock), clock, { messageMemoryBytes: 2 ** 24 })
  broker.load()
  const vhost = broker.vhosts.get('/') as Vhost
  const queue = (name: string, args: Plain = {}, kind: QueueKind = classic): Queue =>
    broker.createQueue(vhost, { ...transient, name, kind, arguments: FieldTable.from(args) }, undefined)
  return { clock, broker, vhost, queue }
}
