/** A stream of which a part cannot be read: those who read elsewhere in it go on. */

import { expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { Failures } from '../../src/broker/failures.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const COUNT = 20
const numbers = Array.from({ length: COUNT }, (_, i) => i)

/** The first segment of each log cannot be read while `fails`. */
class HalfReadableStorage extends MemoryStorage {
  fails = true
  attempts = 0

  override *records(log: number, segment: number): ReturnType<MemoryStorage['records']> {
    if (segment === 1 && this.fails) {
      this.attempts++
      throw new Error('EIO')
    }
    yield* super.records(log, segment)
  }
}

function start(storage: MemoryStorage, clock: ManualClock) {
  const commit = new GroupCommit(storage, clock)
  const failures = new Failures(clock, () => {})
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 1, failures })
  broker.load()
  return { broker, vhost: broker.vhosts.get('/') as Vhost }
}

function publish(queue: Queue, n: number): void {
  const m = new InboundMessage()
  encodeContent('', 's', { deliveryMode: 2 }, Buffer.alloc(50_000, n), m)
  queue.publish(m)
}

function reader(offset: 'first' | 'next'): { consumer: Consumer; got: number[] } {
  const got: number[] = []
  const consumer: Consumer = {
    tag: offset,
    noAck: true,
    exclusive: false,
    priority: 0,
    arguments: FieldTable.from({ 'x-stream-offset': offset }),
    resting: false,
    unacked: 0,
    hasCredit: () => true,
    deliver: (_, segment, index) => void got.push(segment.content(index).body[0] as number),
    settingsChanged: () => {},
    cancelled: () => {},
  }
  return { consumer, got }
}

it('is delivered to those who read elsewhere in it, and to the others once it can be read', async () => {
  const clock = new ManualClock()
  const storage = new HalfReadableStorage({ keeps: true })
  const before = start(storage, clock)
  const kind = queueKind('stream') as QueueKind
  const args = FieldTable.from({ 'x-stream-max-segment-size-bytes': 1 })
  const info = { name: 's', durable: true, exclusive: false, autoDelete: false, kind, arguments: args }
  const first = before.broker.createQueue(before.vhost, info, undefined)
  for (const n of numbers) publish(first, n)
  await before.broker.commit.flush()
  before.broker.stop()

  const { broker, vhost } = start(storage, clock)
  const stream = vhost.queues.get('s') as Queue
  const [stuck, other] = [reader('first'), reader('next')]
  stream.consume(stuck.consumer)
  stream.consume(other.consumer)
  clock.runDeferred()
  for (let n = COUNT; n < COUNT + 5; n++) {
    publish(stream, n)
    clock.runDeferred()
  }
  expect(other.got).toEqual([20, 21, 22, 23, 24])
  expect(stuck.got).toEqual([])
  // It is tried now and then, not with each message.
  expect(storage.attempts).toBe(1)
  expect(broker.failures.counts.queue).toBe(1)
  clock.pass(1500)
  expect(storage.attempts).toBe(2)

  storage.fails = false
  clock.pass(1500)
  expect(stuck.got).toEqual([...numbers, 20, 21, 22, 23, 24])
  expect(other.got).toEqual([20, 21, 22, 23, 24])
  broker.stop()
})
