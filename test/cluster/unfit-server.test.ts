/** A node is moved to a NATS server that it may not use. */
import { expect, it, onTestFinished } from 'vitest'
import { NatsEngine } from '../../src/cluster/nats-engine.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/logger.ts'
import { until } from '../support/until.ts'
import { FakeNats } from './fake-nats.ts'

it('it leaves that server, which may run on, as soon as another one can be reached', async () => {
  const old = await FakeNats.start({ server_name: 'old', version: '2.9.10' })
  const first = await FakeNats.start({ server_name: 'first' })
  const { port } = first
  const settings = { cluster: 'c', node: 'a', replicas: 1, credentials: undefined, tls: undefined }
  const said: string[] = []
  const logger = { ...silent, error: (_: object, text: string) => void said.push(text) }
  const urls = [first.url, old.url]
  const { signal } = new AbortController()
  const engine = await NatsEngine.open({ ...settings, urls }, systemClock, logger, signal)
  onTestFinished(() => engine.close())
  expect([engine.server, engine.connected]).toEqual(['first', true])
  first.stop()
  await until(() => engine.server === 'old' && said.length > 0, 'the move')
  expect(engine.connected).toBe(false)
  await expect(engine.append(Buffer.from('x'))).rejects.toThrow('2.9.10')
  await FakeNats.start({ server_name: 'first' }, port)
  await until(() => engine.server === 'first' && engine.connected, 'the way back')
  expect(said).toEqual(['this server may not be used'])
})
