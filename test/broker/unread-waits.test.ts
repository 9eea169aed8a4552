/** Messages that wait for a delayed retry and cannot be read at the start: their queue is there, and they do not wait. */

import { expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { FailingReads, startOn } from '../support/failing-reads.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { table } from '../support/wire.ts'

it.each([0, 4])('with x-max-priority %i', async (priorities) => {
  const clock = new ManualClock()
  const storage = new FailingReads()
  const first = startOn(storage, clock)
  const retry = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 60_000 }
  const info = { name: 'q', durable: true, exclusive: false, autoDelete: false, kind: classic }
  const args = table({ ...retry, ...(priorities > 0 ? { 'x-max-priority': priorities } : {}) })
  const queue = first.broker.createQueue(first.vhost, { ...info, arguments: args }, undefined)
  const m = new InboundMessage()
  for (let n = 0; n < 4; n++) {
    // Each has a segment of its own.
    encodeContent('', 'q', { deliveryMode: 2 }, Buffer.alloc(300_000, n), m)
    queue.publish(m)
  }
  for (let n = 0; n < 4; n++) {
    const got = queue.get()
    queue.takeGot(false)
    queue.settle(got?.sequence ?? -1, 'fail')
  }
  expect(queue.counts.ready).toBe(0)
  await first.broker.commit.flush()
  first.broker.stop()
  storage.failures = 1
  const { broker, vhost } = startOn(storage, clock)
  const again = vhost.queues.get('q') as Queue
  expect([again.counts.ready, broker.failures.counts.queue]).toEqual([1, 1])
  clock.pass(60_000)
  expect(again.counts.ready).toBe(4)
  const bodies: (number | undefined)[] = []
  for (let got = again.get(); got !== undefined; got = again.get()) {
    bodies.push(got.segment.content(got.index).body[0])
    again.takeGot(true)
  }
  expect(bodies).toEqual([0, 1, 2, 3])
  broker.stop()
})
