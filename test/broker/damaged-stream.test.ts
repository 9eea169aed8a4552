/** A stream with a damaged segment: its size is that of the entries which are left. */

import { expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { table } from '../support/wire.ts'

function brokerOn(storage: MemoryStorage) {
  const clock = new ManualClock()
  const commit = new GroupCommit(storage, clock)
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 2 ** 20 })
  broker.load()
  return { clock, commit, broker, vhost: broker.vhosts.get('/') as Vhost }
}

it('its limit holds for what is left', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const first = brokerOn(storage)
  const kind = queueKind('stream') as QueueKind
  const info = { name: 's', durable: true, exclusive: false, autoDelete: false, kind }
  const args = table({ 'x-stream-max-segment-size-bytes': 1 })
  const written = first.broker.createQueue(first.vhost, { ...info, arguments: args }, undefined)
  const m = new InboundMessage()
  for (let i = 0; i < 3; i++) {
    // Each fills a segment.
    encodeContent('', 's', {}, Buffer.alloc(4_000), m)
    written.publish(m)
  }
  const each = written.bytes.ready / 3
  await first.commit.flush()
  const log = written.log as number
  const [segment] = [...storage.segments(log)]
  const damaged = {
    op: 'record',
    log,
    segment: segment?.segment ?? 0,
    index: 0,
    bytes: new Uint8Array(4_000),
  } as const
  await storage.write([damaged])
  const { vhost, clock } = brokerOn(storage)
  const stream = vhost.queues.get('s') as Queue
  expect(stream.bytes.ready).toBe(3 * each)
  expect([...stream.browse()].map((b) => b.sequence)).toEqual([1, 2])
  expect(stream.bytes.ready).toBe(2 * each)
  stream.configure(stream.policies, { ...stream.settings, maxBytes: 1 })
  clock.runDeferred()
  expect([stream.counts.ready, stream.bytes.ready]).toEqual([1, each])
})
