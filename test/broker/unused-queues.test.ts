/** Queues that never had a message: what they need for one is made when it comes. */
import { describe, expect, it, vi } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

function start() {
  const storage = new MemoryStorage({ keeps: true })
  const clock = new ManualClock()
  const commit = new GroupCommit(storage, clock)
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 2 ** 24 })
  broker.load()
  return { storage, commit, broker, vhost: broker.vhosts.get('/') as Vhost }
}

function queue(broker: Broker, vhost: Vhost, name: string, durable = false): Queue {
  const info = { name, durable, exclusive: false, autoDelete: false, kind: classic }
  return broker.createQueue(vhost, { ...info, arguments: FieldTable.empty }, undefined)
}

describe('queues', () => {
  it('that are deleted keep what comes after their end out of the store', async () => {
    const { broker, vhost, commit, storage } = start()
    const q = queue(broker, vhost, 'q', true)
    vhost.removeQueue(q)
    await commit.flush()
    const writes = vi.spyOn(storage, 'write')
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2 }, Buffer.from('x'), m)
    q.publish(m)
    await commit.flush()
    expect(writes.mock.calls.flat(2)).toEqual([])
  })

  it('that never held a message share their numbers, and have their own with the first one', () => {
    const { broker, vhost } = start()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => queue(broker, vhost, name)) as [Queue, Queue, Queue]
    expect([a.purge(), [...a.browse()], a.bytes.ready, a.headArrivedAt]).toEqual([0, [], 0, 0])
    expect(a.counters).toBe(c.counters)
    const m = new InboundMessage()
    encodeContent('', 'a', {}, Buffer.from('x'), m)
    a.publish(m)
    b.get()
    expect([a.counters.published, b.counters.gotEmpty]).toEqual([1, 1])
    expect([c.counters.published, c.counters.gotEmpty, c.counts.ready]).toEqual([0, 0, 0])
    expect(Array.from(a.browse(), ({ sequence }) => sequence)).toEqual([0])
  })
})
