/** Messages for which there is no memory for a moment: whoever publishes them again gets them into the queue. */

import { expect, it, vi } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { Pager } from '../../src/broker/messages/pager.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import { PUBLISH_DURABLE } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { table } from '../support/wire.ts'

it.each(['classic', 'quorum'])('a %s queue does not take the second attempt for a duplicate', (name) => {
  const clock = new ManualClock()
  const storage = new MemoryStorage({ keeps: true })
  const broker = new Broker(storage, new GroupCommit(storage, clock), clock, { messageMemoryBytes: 2 ** 20 })
  broker.load()
  const kind = queueKind(name) as QueueKind
  const info = { name: 'q', durable: true, exclusive: false, autoDelete: false, kind }
  const vhost = broker.vhosts.get('/') as Vhost
  const args = table({ 'x-message-deduplication': true })
  const queue = broker.createQueue(vhost, { ...info, arguments: args }, undefined)
  const publish = () => {
    const m = new InboundMessage()
    const headers = table({ 'x-deduplication-header': 'once' })
    encodeContent('', 'q', { deliveryMode: 2, headers }, Buffer.from('body'), m)
    return queue.publish(m)
  }
  const memory = vi.spyOn(Pager.prototype, 'memory').mockImplementationOnce(() => {
    throw new RangeError('Array buffer allocation failed')
  })
  expect(publish).toThrow('allocation')
  memory.mockRestore()
  for (let i = 0; i < 2; i++) {
    expect(publish()).toBe(PUBLISH_DURABLE)
    expect(queue.counts.ready).toBe(1)
  }
  broker.stop()
})
