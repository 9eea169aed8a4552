/** Who has declared an exchange is known after a restart. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { Http } from './target.ts'

it('an exchange names its user, however it was declared', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'leveret-declared-'))
  const http = new Http()
  const started = async (): Promise<RunningBroker> => {
    const broker = await createBroker({ dataDir, port: 0, managementPort: 0 })
    http.base = `http://127.0.0.1:${broker.managementPort}`
    return broker
  }
  const of = async (name: string): Promise<string> =>
    (await http.get(`exchanges/%2F/${name}`)).json.user_who_performed_action
  const first = await started()
  await http.put('users/dora', { password: 'p', tags: 'administrator' })
  await http.put('permissions/%2F/dora', { configure: '.*', write: '.*', read: '.*' })
  await http.call('PUT', 'exchanges/%2F/hers', { type: 'topic', durable: true }, 'dora:p')
  // Declaring it again changes nothing.
  await http.put('exchanges/%2F/hers', { type: 'topic', durable: true })
  await first.close()
  const second = await started()
  expect(await of('hers')).toBe('dora')
  expect(await of('amq.direct')).toBe('rmq-internal')
  await second.close()
})
