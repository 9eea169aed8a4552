/** What belongs to a vhost goes with it, and nothing is made in it any more, however long its deletion takes. */

import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { importDefinitions } from '../../src/definitions/import.ts'
import { Model } from '../../src/model/model.ts'
import { trusted } from '../../src/operations/caller.ts'
import { setPolicy } from '../../src/operations/policies.ts'
import { declareQueue } from '../../src/operations/queues.ts'
import { deleteVhost, putVhost } from '../../src/operations/vhosts.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { until } from '../support/until.ts'

/** More than fit into a turn. */
const MANY = 20_000

const connections = { closeVhost: () => {} }
const shovel = { vhost: 'v', component: 'shovel', name: 's', value: {} }
const policy = { name: 'p', pattern: '^a.*b.*c', definition: { expires: 1 } }

function start(storage: MemoryStorage): Model {
  const model = new Model(storage, defaultSettings, oneForAll(silent))
  model.restore()
  onTestFinished(() => model.abandon())
  return model
}

/** A model with a vhost `v` that has very many queues. */
function filled(storage: MemoryStorage): Model {
  const model = start(storage)
  const { broker } = model
  putVhost(broker, 'v', {})
  const vhost = broker.vhosts.get('v')
  if (vhost === undefined) throw new Error('no vhost')
  const caller = trusted('test', vhost, model)
  for (let i = 0; i < MANY; i++)
    declareQueue(broker, caller, {
      name: `queue ${i}`,
      durable: true,
      exclusive: false,
      autoDelete: false,
      arguments: FieldTable.empty,
    })
  return model
}

it('parameters are gone too, if the process ends before all queues are', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const model = filled(storage)
  const { broker, users, parameters } = model
  parameters.set(shovel)
  await model.commit.flush()
  const deletion = deleteVhost(model, connections, 'v')
  deletion.catch(() => {})
  await model.commit.flush()
  expect(broker.going.has('v')).toBe(true)
  await model.abandon()

  const again = start(storage)
  await again.broker.turn.jobs.settled()
  expect(again.broker.vhosts.has('v')).toBe(false)
  expect(again.parameters.list()).toEqual([])
  expect([users.size, again.users.size]).toEqual([0, 0])
})

it('a policy is refused that was about to be set', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const model = filled(storage)
  const { broker } = model
  const vhost = broker.vhosts.get('v')
  if (vhost === undefined) throw new Error('no vhost')
  const [set, deleted] = await Promise.allSettled([
    setPolicy(broker, vhost, policy, false),
    deleteVhost(model, connections, 'v'),
  ])
  expect(deleted).toEqual({ status: 'fulfilled', value: true })
  expect(set).toMatchObject({ status: 'rejected', reason: { message: "vhost 'v' does not exist" } })
  await model.commit.flush()
  expect([...storage.scan('policy:')]).toEqual([])
})

it('definitions for it are refused, which were about to be imported', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const model = start(storage)
  const { broker } = model
  putVhost(broker, 'v', {})
  const vhost = broker.vhosts.get('v')
  if (vhost === undefined) throw new Error('no vhost')
  const queues = Array.from({ length: MANY }, (_, i) => ({ name: `queue ${i}`, arguments: {} }))
  const imported = importDefinitions(model, { queues }, vhost)
  imported.catch(() => {})
  // The dry run is over: it goes on in earnest.
  await until(() => vhost.queues.size > 0, 'the first queues')
  expect(await deleteVhost(model, connections, 'v')).toBe(true)
  await expect(imported).rejects.toThrow("vhost 'v' does not exist")
  await model.commit.flush()
  expect([...storage.scan('queue:')]).toEqual([])
})
