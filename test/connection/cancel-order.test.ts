/** Very many consumers of a queue that is deleted, which are told in several turns. */

import { expect, it } from 'vitest'
import { CANCELLED_PER_STEP, JOB_STEPS_PER_TURN } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { servedBroker } from '../support/served-broker.ts'
import { CH, declareQueue, session } from '../support/session.ts'
import { ShutStorage } from '../support/shut-storage.ts'
import { until } from '../support/until.ts'

const COUNT = 2 * CANCELLED_PER_STEP * JOB_STEPS_PER_TURN

it('all of the client that deletes it are told behind queue.delete-ok', async () => {
  const storage = new ShutStorage()
  const t = await servedBroker(storage)
  const w = await session(t)
  const queue = await declareQueue(w, { durable: true, exclusive: false })
  for (let i = 0; i < COUNT; i++)
    w.send(CH, MethodId.BasicConsume, { queue, consumerTag: String(i), nowait: true })
  await until(() => t.broker.vhosts.get('/')?.queues.get(queue)?.counts.consumers === COUNT)
  await until(() => !t.broker.commit.busy, 'all is written')
  storage.shut()
  w.send(CH, MethodId.QueueDelete, { queue })
  await until(() => storage.isAsked && t.broker.turn.jobs.size === 0, 'all consumers are gone')
  expect(w.inbox).toEqual([])
  storage.open()
  await w.expect(CH, MethodId.QueueDeleteOk)
  for (let i = 0; i < COUNT; i++)
    expect((await w.expect(CH, MethodId.BasicCancel)).consumerTag).toBe(String(i))
})
