/** A broker on a store in memory, on which another one can be started as after a crash. */
import { onTestFinished } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { OBJECTS_PER_STEP } from '../../src/limits.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import type { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from './manual-clock.ts'

/** More than are removed in a turn. */
export const MANY = 100 * OBJECTS_PER_STEP
const usual = { durable: true, autoDelete: false, arguments: FieldTable.empty }

export function start(storage: MemoryStorage) {
  const clock = new ManualClock()
  const broker = new Broker(storage, new GroupCommit(storage, clock), clock, { messageMemoryBytes: 2 ** 24 })
  broker.load()
  onTestFinished(() => broker.stop())
  const vhost = broker.vhosts.get('/') as Vhost
  const exchange = (name: string, more = {}): Exchange =>
    broker.createExchange(vhost, { ...usual, name, type: 'direct', internal: false, ...more })
  const queue = (name: string): Queue =>
    broker.createQueue(vhost, { ...usual, name, exclusive: false, kind: classic }, undefined)
  const bindMany = (x: Exchange, q: Queue): void => {
    for (let i = 0; i < MANY; i++) vhost.bind(x, q, `key ${i}`, FieldTable.empty)
  }
  /** What the next start finds, if the process ends once what has been done so far is on disk. */
  const restart = async () => {
    await broker.commit.flush()
    broker.stop()
    await broker.commit.abandon()
    return start(storage)
  }
  return { broker, vhost, clock, exchange, queue, bindMany, restart }
}
