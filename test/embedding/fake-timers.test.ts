/**
 * Programs under test often run with fake timers: the broker and what is bundled in it go on. The build is tried, since
 * only there the packages are bundled.
 */
import { get } from 'node:http'
import { createRequire } from 'node:module'
import { install } from '@sinonjs/fake-timers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type * as Leveret from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { testFolder } from '../support/folder.ts'
import { Wire } from '../support/wire.ts'

// By its own name, as programs load it: types come from the sources.
const byImport = (await import('../../dist/index.js' as string)) as typeof Leveret
const byRequire = createRequire(import.meta.url)('../../dist/cjs/index.js') as typeof Leveret

afterEach(() => {
  vi.useRealTimers()
})

/** What jest fakes of what is not the sandbox's own; Node's own parts use process.nextTick of the global here. */
const fakedByJest = [
  'Date',
  'hrtime',
  'performance',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
] as const

const fakes: [string, () => () => void][] = [
  [
    'vitest',
    () => {
      vi.useFakeTimers()
      return () => void vi.useRealTimers()
    },
  ],
  [
    'vitest, all that it can fake',
    () => {
      vi.useFakeTimers({ toFake: [...fakedByJest] })
      return () => void vi.useRealTimers()
    },
  ],
  [
    'jest (@sinonjs/fake-timers)',
    () => {
      const clock = install({ now: 0, toFake: [...fakedByJest] })
      return () => clock.uninstall()
    },
  ],
]

/** Everything that waits for a timer somewhere: TTL, deadlines, commits, the HTTP API, the wait for a queue. */
async function exercise(broker: Leveret.RunningBroker): Promise<void> {
  const w = await Wire.open(broker.url)
  await w.channel(1)
  await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
  await w.call(1, MethodId.QueueDeclare, { queue: 'q', durable: true }, MethodId.QueueDeclareOk)
  for (let i = 0; i < 20; i++)
    w.publish(1, { routingKey: 'q', body: Buffer.alloc(5000, i), properties: { deliveryMode: 2 } })
  for (let confirmed = 0; confirmed < 20; )
    confirmed = Number((await w.expect(1, MethodId.BasicAck)).deliveryTag)
  await w.channel(2)
  await w.call(2, MethodId.QueueDeclare, { queue: 'brief' }, MethodId.QueueDeclareOk)
  w.publish(2, { routingKey: 'brief', body: Buffer.from('x'), properties: { expiration: '100' } })
  await broker.waitForQueue('brief', { ready: 1 })
  await broker.waitForQueue('brief', { ready: 0 })
  await w.call(2, MethodId.BasicConsume, { queue: 'q' }, MethodId.BasicConsumeOk)
  await broker.waitForQueue('q', { unacked: 20 })
  await w.close()
  await broker.waitForQueue('q', { ready: 20 })
  expect(await queueOverHttp(broker.managementPort as number)).toMatchObject({ name: 'q', messages: 20 })
  await broker.reset()
  expect(broker.queues()).toEqual([])
}

/** Not by fetch, which asks the globals for microtasks. */
function queueOverHttp(port: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port, path: '/api/queues/%2F/q', auth: 'guest:guest' }
    get(where, (r) => {
      let text = ''
      r.on('data', (b) => {
        text += b
      })
      r.on('end', () => resolve(JSON.parse(text)))
    }).on('error', reject)
  })
}

describe.each(fakes)('under fake timers of %s', (_, fake) => {
  it.each([
    ['imported, in memory', byImport, false],
    ['imported, on disk', byImport, true],
    ['required, in memory', byRequire, false],
    ['required, on disk', byRequire, true],
  ])('the broker works: %s', async (__, { createBroker }, onDisk) => {
    const dataDir = testFolder('timers')
    const options = { port: 0, managementPort: 0, ...(onDisk ? { dataDir } : {}) }
    for (const when of ['before', 'after'] as const) {
      let broker = when === 'before' ? await createBroker(options) : undefined
      const restore = fake()
      try {
        broker ??= await createBroker(options)
        await exercise(broker)
        await broker.close()
      } finally {
        restore()
      }
    }
  })
})
