/** Operations on many messages of which some cannot be read for a moment: none is left behind without an owner. */

import { expect, it } from 'vitest'
import { trusted } from '../../src/operations/caller.ts'
import { takeMessages } from '../../src/operations/messages.ts'
import type { FieldTable } from '../../src/protocol/field-table.ts'
import { restarted } from '../support/failing-reads.ts'
import { table } from '../support/wire.ts'

const COUNT = 20

async function start(kind: string, args?: FieldTable) {
  const t = await restarted(kind, COUNT, args)
  const caller = trusted('guest', t.vhost, {})
  const take = () => takeMessages(caller, 'q', COUNT, 'ack').map(({ content }) => content.body[0])
  return { ...t, take }
}

const all = Array.from({ length: COUNT }, (_, n) => n)

it.each(['classic', 'quorum'])('messages taken from a %s queue before the failure return', async (kind) => {
  const { broker, storage, queue, take } = await start(kind)
  Object.assign(storage, { before: 2, failures: 1 })
  expect(take).toThrow('allocation')
  expect(queue.counts).toMatchObject({ ready: COUNT, unacked: 0 })
  expect(take()).toEqual(all)
  broker.stop()
})

it.each(['classic', 'quorum'])('a purge of a %s queue that fails removes nothing', async (kind) => {
  const { broker, storage, queue, take } = await start(kind)
  // The head is read before the purge, the tail by it.
  Object.assign(storage, { before: 1, failures: 1 })
  expect(() => queue.purge()).toThrow('allocation')
  expect(queue.counts.ready).toBe(COUNT)
  expect(take()).toEqual(all)
  broker.stop()
})

it('a purge of a queue with priorities that fails removes nothing at any of them', async () => {
  const { broker, storage, queue, take } = await start('classic', table({ 'x-max-priority': COUNT }))
  // The tail of the first is read before the purge, the others by it.
  Object.assign(storage, { before: COUNT / 2, failures: 1 })
  expect(() => queue.purge()).toThrow('allocation')
  expect(queue.counts.ready).toBe(COUNT)
  expect(take()).toEqual(all)
  broker.stop()
})
