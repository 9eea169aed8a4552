/** Messages that cannot be read from the disk for a moment, such as for want of memory: they come once they can be. */

import { expect, it } from 'vitest'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { restarted } from '../support/failing-reads.ts'

const COUNT = 100
const numbers = Array.from({ length: COUNT }, (_, i) => i)

it.each(['classic', 'quorum', 'stream'])('of a %s queue', async (name) => {
  const { clock, storage, broker, queue } = await restarted(name, COUNT)
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
  queue.consume(consumer)
  clock.runDeferred()
  expect(got).toHaveLength(COUNT / 2)
  credit = COUNT
  storage.failures = 3
  queue.resume(consumer)
  for (let i = 0; i < 5; i++) clock.pass(2000)
  expect(got).toEqual(numbers)
  expect(broker.failures.counts.queue).toBe(3)
  broker.stop()
})
