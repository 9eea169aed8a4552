/** Messages that cannot be read from the disk for a moment, such as for want of memory: they come once they can be. */

import { expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { Failures } from '../../src/broker/failures.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const COUNT = 100
const numbers = Array.from({ length: COUNT }, (_, i) => i)

class FailingStorage extends MemoryStorage {
  /** So many reads fail. */
  failures = 0

  override *records(log: number, segment: number): ReturnType<MemoryStorage['records']> {
    if (this.failures > 0) {
      this.failures--
      throw new RangeError('Array buffer allocation failed')
    }
    yield* super.records(log, segment)
  }
}

it.each(['classic', 'quorum', 'stream'])('of a %s queue', async (name) => {
  const clock = new ManualClock()
  const storage = new FailingStorage({ keeps: true })
  const start = () => {
    const commit = new GroupCommit(storage, clock)
    const failures = new Failures(clock, () => {})
    const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 1, failures })
    broker.load()
    return { broker, vhost: broker.vhosts.get('/') as Vhost }
  }
  const kind = queueKind(name) as QueueKind
  const info = { name: 'q', durable: true, exclusive: false, autoDelete: false, kind }
  const before = start()
  const queue = before.broker.createQueue(before.vhost, { ...info, arguments: FieldTable.empty }, undefined)
  for (const n of numbers) {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2 }, Buffer.alloc(50_000, n), m)
    queue.publish(m)
  }
  await before.broker.commit.flush()
  before.broker.stop()
  const { broker, vhost } = start()
  const got: number[] = []
  let credit = COUNT / 2
  const consumer: Consumer = {
    tag: 't',
    noAck: true,
    exclusive: false,
    priority: 0,
    arguments: FieldTable.from({ 'x-stream-offset': 'first' }),
    resting: false,
    unacked: 0,
    hasCredit: () => got.length < credit,
    deliver: (_, segment, index) => void got.push(segment.content(index).body[0] as number),
    settingsChanged: () => {},
    cancelled: () => {},
  }
  const again = vhost.queues.get('q')
  again?.consume(consumer)
  clock.runDeferred()
  expect(got).toHaveLength(COUNT / 2)
  credit = COUNT
  storage.failures = 3
  again?.resume(consumer)
  for (let i = 0; i < 5; i++) clock.pass(2000)
  expect(got).toEqual(numbers)
  expect(broker.failures.counts.queue).toBe(3)
  broker.stop()
})
