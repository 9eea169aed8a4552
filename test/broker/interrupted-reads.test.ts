/** Operations on many messages of which some cannot be read for a moment: none is left behind without an owner. */

import { expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { Failures } from '../../src/broker/failures.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { trusted } from '../../src/operations/caller.ts'
import { takeMessages } from '../../src/operations/messages.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const COUNT = 20

class FailingStorage extends MemoryStorage {
  /** Number of reads that succeed before one fails. */
  untilFailure = Number.POSITIVE_INFINITY

  override *records(log: number, segment: number): ReturnType<MemoryStorage['records']> {
    if (this.untilFailure-- === 0) {
      this.untilFailure = Number.POSITIVE_INFINITY
      throw new RangeError('Array buffer allocation failed')
    }
    yield* super.records(log, segment)
  }
}

/** A queue with messages that are only on disk. */
async function restarted(kindName: string) {
  const clock = new ManualClock()
  const storage = new FailingStorage({ keeps: true })
  const start = () => {
    const commit = new GroupCommit(storage, clock)
    const failures = new Failures(clock, () => {})
    const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 1, failures })
    broker.load()
    return { broker, vhost: broker.vhosts.get('/') as Vhost }
  }
  const kind = queueKind(kindName) as QueueKind
  const info = { name: 'q', durable: true, exclusive: false, autoDelete: false, kind }
  const before = start()
  const first = before.broker.createQueue(before.vhost, { ...info, arguments: FieldTable.empty }, undefined)
  for (let n = 0; n < COUNT; n++) {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2 }, Buffer.alloc(50_000, n), m)
    first.publish(m)
  }
  await before.broker.commit.flush()
  before.broker.stop()
  const { broker, vhost } = start()
  const queue = vhost.queues.get('q') as Queue
  const caller = trusted('guest', vhost, {})
  const take = () => takeMessages(caller, 'q', COUNT, 'ack').map((t) => t.content.body[0])
  return { broker, clock, storage, queue, take }
}

const all = Array.from({ length: COUNT }, (_, n) => n)

it.each(['classic', 'quorum'])('messages taken from a %s queue before the failure return', async (kind) => {
  const { broker, storage, queue, take } = await restarted(kind)
  storage.untilFailure = 2
  expect(take).toThrow('allocation')
  expect(queue.counts).toMatchObject({ ready: COUNT, unacked: 0 })
  expect(take()).toEqual(all)
  broker.stop()
})

it.each(['classic', 'quorum'])('a purge of a %s queue that fails removes nothing', async (kind) => {
  const { broker, storage, queue, take } = await restarted(kind)
  // The head is read before the purge, the tail by it.
  storage.untilFailure = 1
  expect(() => queue.purge()).toThrow('allocation')
  expect(queue.counts.ready).toBe(COUNT)
  expect(take()).toEqual(all)
  broker.stop()
})
