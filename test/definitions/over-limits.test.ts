/** Definitions for a broker that has more than its limits allow, since they were set later. */

import { expect, it, onTestFinished } from 'vitest'
import type { Vhost } from '../../src/broker/vhost.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { importDefinitions } from '../../src/definitions/import.ts'
import { Model } from '../../src/model/model.ts'
import { trusted } from '../../src/operations/caller.ts'
import { declareExchange } from '../../src/operations/exchanges.ts'
import { declareQueue } from '../../src/operations/queues.ts'
import { putVhost, setVhostLimit } from '../../src/operations/vhosts.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'

const usual = { durable: true, autoDelete: false, arguments: FieldTable.empty }

function start(storage: MemoryStorage, modelLimits = defaultSettings.modelLimits): Model {
  const model = new Model(storage, { ...defaultSettings, modelLimits }, oneForAll(silent))
  model.restore()
  onTestFinished(() => model.abandon())
  return model
}

function declare(model: Model, vhost: Vhost, name: string): void {
  const caller = trusted('test', vhost, model)
  declareQueue(model.broker, caller, { ...usual, name, exclusive: false })
  declareExchange(model.broker, caller, { ...usual, name, type: 'fanout', internal: false })
}

const vhostOf = ({ broker }: Model): Vhost => broker.vhosts.get('/') as Vhost

it('are imported where nothing is to be made that is not there', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const before = start(storage)
  for (const name of ['a', 'b', 'c']) declare(before, vhostOf(before), name)
  for (const name of ['v', 'w']) putVhost(before.broker, name, {})
  setVhostLimit(before.broker, vhostOf(before), 'max-queues', 2)
  await before.commit.flush()
  await before.abandon()

  const model = start(storage, { vhosts: 1, queues: 1, exchanges: 1 })
  await importDefinitions(model, {
    queues: [{ vhost: '/', name: 'a' }],
    exchanges: [{ vhost: '/', name: 'a', type: 'fanout' }],
    policies: [{ vhost: '/', name: 'p', pattern: '^a', definition: { expires: 60_000 } }],
  })
  expect(vhostOf(model).policies.user.get('p')).toBeDefined()
  await expect(importDefinitions(model, { queues: [{ vhost: '/', name: 'd' }] })).rejects.toThrow(
    "cannot declare queue 'd': queue limit in vhost '/' (2) is reached",
  )
})
