/** The engine on real nats-server processes; needs the program (`npm run test:cluster`). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../../src/cluster/engine.ts'
import { NatsEngine } from '../../../src/cluster/nats-engine.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { silent } from '../../../src/util/logger.ts'
import { commitLogContract } from '../../storage/log/contract.ts'
import { Engines } from '../../support/nats.ts'
import { until } from '../../support/until.ts'
import { engineContract } from '../engine-contract.ts'
import { logUnderTest } from '../opened-log.ts'

let engines: Engines
const open: Engine[] = []
let clusters = 0

async function connect(cluster: string, node = 'a', server = 0): Promise<NatsEngine> {
  const urls = [...engines.urls.slice(server), ...engines.urls.slice(0, server)]
  const settings = { urls, cluster, node, replicas: 3, credentials: undefined, tls: undefined }
  const engine = await NatsEngine.open(settings, systemClock, silent, new AbortController().signal)
  open.push(engine)
  await until(async () => (await engine.bounds().catch(() => undefined)) !== undefined, 'the log')
  return engine
}

beforeAll(async () => {
  engines = await Engines.start(3)
}, 60_000)
afterAll(async () => {
  for (const e of open) await e.close()
  await engines?.stop()
})

engineContract('three nats-servers', async () => {
  const cluster = `contract-${++clusters}`
  return { open: () => connect(cluster) }
})

describe('replicated log', () => {
  const ready: Engine[] = []
  beforeAll(async () => {
    for (let i = 0; i < 12; i++) ready.push(await connect(`log-${i}`))
  }, 60_000)
  commitLogContract('replicated, three nats-servers', () => logUnderTest(() => ready.pop() as Engine))
})

describe('the log of nodes that begin at once', () => {
  it('is the same for all of them, and after its leader has died', async () => {
    for (let i = 0; i < 5; i++) {
      const nodes = await Promise.all([0, 1, 2].map((n) => connect(`at-once-${i}`, 'abc'[n], n)))
      /** All of them say so, as soon as there is a leader. */
      const agree = (identity: string, when: string): Promise<void> =>
        until(async () => {
          const found = await Promise.all(nodes.map((n) => n.bounds())).catch(() => undefined)
          return found?.every((f) => f.identity === identity) === true
        }, `one identity ${when}`)
      const { identity, leader } = await (nodes[0] as NatsEngine).bounds()
      await agree(identity, 'at the beginning')
      if (i < 4) continue
      await engines.kill(engines.index(leader))
      await agree(identity, 'under another leader')
      engines.run(engines.index(leader))
      await agree(identity, 'when the server is back')
    }
  }, 120_000)
})

describe('a nats-server that is cut off from the others', () => {
  it('is left by its clients, for one that answers', async () => {
    const apart = await Engines.start(3, { cables: true })
    try {
      const settings = {
        urls: apart.urls,
        cluster: 'c',
        node: 'a',
        replicas: 3,
        credentials: undefined,
        tls: undefined,
      }
      const engine = await NatsEngine.open(settings, systemClock, silent, new AbortController().signal)
      open.push(engine)
      const answers = async (): Promise<boolean> =>
        (await engine.bounds().catch(() => undefined)) !== undefined
      await until(answers, 'the log')
      expect(engine.server).toBe('n0')
      apart.cutOff(0)
      await until(async () => (await answers()) && engine.server !== 'n0', 'another server')
      await engine.append(Buffer.from('x'))
    } finally {
      await apart.stop()
    }
  }, 120_000)
})

describe('nats-server that dies', () => {
  it('appends and reading go on with the others', async () => {
    const a = await connect('dies', 'a', 0)
    const b = await connect('dies', 'b', 1)
    const seen: string[] = []
    b.read(1, { record: (_, r) => seen.push(Buffer.from(r).toString()), gone: () => {} })
    await a.append(Buffer.from('before'))
    await engines.kill(0)
    await until(
      async () => (await a.append(Buffer.from('after')).catch(() => 'no')) === undefined,
      'an append',
    )
    await until(() => seen.includes('after'))
    engines.run(0)
    expect(seen[0]).toBe('before')
  }, 60_000)
})
