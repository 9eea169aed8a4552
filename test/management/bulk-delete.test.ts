/** Very many users that are deleted with one request. */
import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { UserRecord } from '../../src/security/users.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'

it('leaves others their turns', async () => {
  const bind = '127.0.0.1'
  const settings = { ...defaultSettings, listeners: [], management: [{ port: 0, bind }] }
  const node = await RunningNode.start(settings, oneForAll(silent))
  onTestFinished(() => node.close())
  const { users, managementPort } = node
  const names = ['a', 'b', 'c', 'd']
  for (const name of names) users.set({ ...(users.get('guest') as UserRecord), name })
  let turn = 0
  let next = setImmediate(function again() {
    turn++
    next = setImmediate(again)
  })
  onTestFinished(() => clearImmediate(next))
  const turns = new Set<number>()
  const remove = users.remove.bind(users)
  users.remove = (name) => {
    turns.add(turn)
    // Longer than one piece of work may take.
    for (const began = performance.now(); performance.now() - began < 11; );
    return remove(name)
  }
  const r = await fetch(`http://${bind}:${managementPort}/api/users/bulk-delete`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('guest:guest')}` },
    body: JSON.stringify({ users: names }),
  })
  expect(r.status).toBe(204)
  expect(turns.size).toBe(names.length)
  expect([...users].map((u) => u.name)).toEqual(['guest'])
})
