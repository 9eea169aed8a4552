/** Messages that are not durable and leave memory for the data folder: the next start removes them. */
import { expect, it, onTestFinished } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { SEGMENT_BYTES } from '../../src/broker/messages/segment.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import { SPILL_LOGS_FROM } from '../../src/storage/storage.ts'
import { systemClock } from '../../src/util/clock.ts'
import { testFolder } from '../support/folder.ts'

/** Numbers of logs with spilled records. */
function spillLogs(storage: LmdbStorage): number[] {
  const logs: number[] = []
  for (let log = storage.highestLog(); log >= SPILL_LOGS_FROM; log--)
    for (let segment = 0; segment < 100; segment++)
      if ([...storage.records(log, segment)].length > 0) logs.push(log)
  return [...new Set(logs)]
}

it('transient messages that were paged out are not left in the data folder, and their logs get other numbers', async () => {
  const dir = testFolder('spilled')
  const numbers: number[][] = []
  for (let run = 0; run < 3; run++) {
    const storage = await LmdbStorage.open(dir)
    onTestFinished(() => storage.close().catch(() => {}))
    const commit = new GroupCommit(storage, systemClock)
    const broker = new Broker(storage, commit, systemClock, { messageMemoryBytes: 0 })
    broker.load()
    const vhost = broker.vhosts.get('/') as Vhost
    const queues = ['a', 'b'].map((name) => {
      const info = { name, durable: true, exclusive: false, autoDelete: false, kind: classic }
      return (
        vhost.queues.get(name) ??
        broker.createQueue(vhost, { ...info, arguments: FieldTable.empty }, undefined)
      )
    })
    for (const q of queues) {
      expect(q.counts.ready).toBe(0)
      const m = new InboundMessage()
      encodeContent('', q.name, { deliveryMode: 1 }, Buffer.alloc(SEGMENT_BYTES), m)
      for (let i = 0; i < 5; i++) q.publish(m)
    }
    await commit.flush()
    await commit.flush()
    numbers.push(spillLogs(storage))
    await storage.close()
  }
  expect(numbers.map((logs) => logs.length)).toEqual([2, 2, 2])
  expect(new Set(numbers.flat()).size).toBe(6)
})
