/** A NATS server, or something between it and the node, answers what cannot be read. */
import { expect, it, onTestFinished } from 'vitest'
import { NatsEngine } from '../../src/cluster/nats-engine.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/logger.ts'
import { FakeNats } from './fake-nats.ts'

const settings = { cluster: 'c', node: 'a', replicas: 1, credentials: undefined, tls: undefined }
const config = { description: 'Log of Leveret x', retention: 'limits', storage: 'file' }
const state = { first_seq: 1, last_seq: 7, bytes: 70 }
const created = '2026-01-01T00:00:00Z'

async function start(): Promise<{ nats: FakeNats; engine: NatsEngine }> {
  const nats = await FakeNats.start({ server_name: 'odd' })
  const urls = [nats.url]
  const engine = await NatsEngine.open(
    { ...settings, urls },
    systemClock,
    silent,
    new AbortController().signal,
  )
  onTestFinished(() => engine.close())
  return { nats, engine }
}

it('the log counts as out of reach, so that it is asked for again, and never as shorter than it is', async () => {
  const { nats, engine } = await start()
  nats.answer = () => JSON.stringify({ config, state, created })
  expect(await engine.bounds()).toMatchObject({ first: 1, last: 7, bytes: 70 })
  for (const odd of [
    'null',
    '[]',
    '1',
    '{',
    '',
    '{"error":null}',
    '{"error":5}',
    JSON.stringify({ config: null, state, created }),
    JSON.stringify({ config: { ...config, description: 5 }, state, created }),
    JSON.stringify({ config, state: {}, created }),
    JSON.stringify({ config, state: { ...state, last_seq: '7' }, created }),
    JSON.stringify({ config, state, created, cluster: { leader: 'x', replicas: 5 } }),
    JSON.stringify({ config, state }),
  ]) {
    nats.answer = () => odd
    const code = await engine.bounds().then(
      () => 'taken',
      (error: { code?: string }) => error.code,
    )
    expect([odd, code]).toEqual([odd, 'AWAY'])
  }
})

it('a record counts as not stored, and the connection goes on', async () => {
  const { nats, engine } = await start()
  for (const odd of ['null', '', '{', '[]', '{"error":null}', '{"seq":0}']) {
    nats.answer = () => odd
    await expect(engine.append(Buffer.from('x'))).rejects.toThrow('nothing was stored')
  }
  nats.answer = () => '{"seq":1}'
  await engine.append(Buffer.from('x'))
  expect(nats.clients.size).toBe(1)
})
