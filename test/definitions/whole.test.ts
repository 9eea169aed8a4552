/** Definitions of which a part is refused: nothing of them is imported. */

import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { importDefinitions } from '../../src/definitions/import.ts'
import { Model } from '../../src/model/model.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'

function start(): Model {
  const settings = { ...defaultSettings, passwordRule: { minLength: 10 } }
  const model = new Model(new MemoryStorage(), settings, oneForAll(silent))
  model.restore()
  onTestFinished(() => model.abandon())
  return model
}

const first = { name: 'first', password: 'long enough', tags: '' }

it.each([
  [{ password: 'short' }, 'minimum required password length: 10'],
  [{ password: 'long enough', password_hash: 'AAAA' }, 'both_password_and_password_hash_are_provided'],
])('a user with %j', async (given, why) => {
  const model = start()
  const users = [first, { name: 'second', ...given, tags: '' }]
  await expect(importDefinitions(model, { users })).rejects.toThrow(why)
  expect([...model.users]).toEqual([])
})

it('a vhost that is being deleted', async () => {
  const model = start()
  model.broker.going.add('v')
  const definitions = { users: [first], vhosts: [{ name: 'v' }] }
  await expect(importDefinitions(model, definitions)).rejects.toThrow("virtual host 'v' is being deleted")
  expect([...model.users]).toEqual([])
})
