/** The credentials file of a node is replaced while the node connects to NATS again. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createUser } from '@nats-io/nkeys'
import { expect, it, onTestFinished } from 'vitest'
import { NatsEngine } from '../../src/cluster/nats-engine.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/logger.ts'
import { testFolder } from '../support/folder.ts'
import { until } from '../support/until.ts'
import { FakeNats } from './fake-nats.ts'

it('while the file is away or incomplete, the node connects with what it contained before', async () => {
  const credentials = join(testFolder('credentials'), 'node.nk')
  const [before, after] = [createUser(), createUser()]
  writeFileSync(credentials, before.getSeed())
  const nats = await FakeNats.start({ auth_required: true, nonce: 'nonce' })
  const settings = { cluster: 'c', node: 'a', replicas: 1, credentials, tls: undefined, urls: [nats.url] }
  const { signal } = new AbortController()
  const engine = await NatsEngine.open(settings, systemClock, silent, signal)
  onTestFinished(() => engine.close())
  const again = async (): Promise<string | undefined> => {
    const { length } = nats.connects
    for (const socket of nats.clients) socket.destroy()
    await until(() => nats.connects.length > length && engine.connected, 'another connection')
    return nats.connects.at(-1)?.nkey
  }
  expect(nats.connects.map((c) => c.nkey)).toEqual([before.getPublicKey()])
  rmSync(credentials)
  expect(await again()).toBe(before.getPublicKey())
  writeFileSync(credentials, Buffer.from(after.getSeed()).subarray(0, 20))
  expect(await again()).toBe(before.getPublicKey())
  writeFileSync(credentials, after.getSeed())
  expect(await again()).toBe(after.getPublicKey())
})
