/**
 * Real processes that are killed, stopped and cut off, under traffic with a record of its own. `npm run test:cluster` does
 * each once, `npm run torture:cluster` as often as ROUNDS says.
 */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BrokerOfCluster, pause, RealCluster } from '../../support/real-cluster.ts'
import { Traffic } from './traffic.ts'

const ROUNDS = Number(process.env['ROUNDS'] ?? 1)
/** ms of traffic before and after. */
const BEFORE = 1500
const AFTER = 3000

let cluster: RealCluster
let failed = false
const gaps = new Map<string, number[]>()

beforeAll(async () => {
  cluster = await RealCluster.start()
  await cluster.whole()
}, 120_000)

afterAll(async () => {
  await cluster?.stop(failed)
  for (const [fault, ms] of gaps) {
    const sorted = ms.sort((a, b) => a - b)
    const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
    process.stdout.write(
      `${fault}: ${sorted.length} rounds, longest pause median ${at(0.5)} ms, worst ${at(1)} ms\n`,
    )
  }
})

const standby = async (): Promise<BrokerOfCluster> => {
  const active = await cluster.serving()
  return cluster.brokers.find((b) => b !== active && b.running) as BrokerOfCluster
}

const faults: { readonly [name: string]: () => Promise<void> } = {
  'the active node is killed': async () => {
    const active = await cluster.serving()
    await active.stop('SIGKILL')
    await pause(AFTER)
    active.run()
  },
  'a standby is killed': async () => {
    const b = await standby()
    await b.stop('SIGKILL')
    await pause(AFTER)
    b.run()
  },
  'the server that leads the log is killed': async () => {
    const leader = await cluster.leader()
    await cluster.engines.kill(leader)
    await pause(10_000)
    cluster.engines.run(leader)
  },
  'the active node and the leader are killed': async () => {
    const [active, leader] = [await cluster.serving(), await cluster.leader()]
    await Promise.all([active.stop('SIGKILL'), cluster.engines.kill(leader)])
    await pause(10_000)
    active.run()
    cluster.engines.run(leader)
  },
  'all servers are killed': async () => {
    for (let i = 0; i < 3; i++) await cluster.engines.kill(i)
    await pause(1000)
    for (let i = 0; i < 3; i++) cluster.engines.run(i)
  },
  'all brokers are killed': async () => {
    await Promise.all(cluster.brokers.map((b) => b.stop('SIGKILL')))
    for (const b of cluster.brokers) b.run()
  },
  'the active node stands still for 10 s': async () => {
    const active = await cluster.serving()
    await active.stop('SIGSTOP')
    await pause(10_000)
    await active.stop('SIGCONT')
  },
  'the active node is cut off from all servers': async () => {
    const active = await cluster.serving()
    for (const w of active.wires) w.cut()
    await pause(6000)
    for (const w of active.wires) w.mend()
  },
  'a standby has lost its folder': async () => {
    const b = await standby()
    await b.stop('SIGKILL')
    rmSync(b.dir, { recursive: true, force: true })
    b.run()
    await cluster.whole()
    const [active, copy] = [await cluster.serving(), b]
    const status = await active.status()
    const applied = (name: string): number => status?.nodes.find((n) => n.name === name)?.applied ?? 0
    expect(applied(copy.name)).toBeGreaterThan(0)
  },
  'a planned switch': async () => {
    const [active, next] = [await cluster.serving(), await standby()]
    const r = await fetch(`http://127.0.0.1:${active.httpPort}/api/cluster/promote/${next.name}`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}`,
        'content-type': 'application/json',
      },
      body: '{}',
    })
    expect([r.status, await r.text()]).toEqual([204, ''])
  },
  'a rolling restart': async () => {
    for (const b of cluster.brokers) {
      await b.stop('SIGTERM')
      b.run()
      await cluster.whole()
    }
  },
}

describe('a cluster of processes', () => {
  for (let round = 1; round <= ROUNDS; round++)
    it.each(Object.keys(faults))(
      `round ${round}: %s`,
      async (name) => {
        const traffic = new Traffic(cluster.urls)
        try {
          await traffic.start()
          await pause(BEFORE)
          await (faults[name] as () => Promise<void>)()
          await cluster.serving()
          await pause(AFTER)
          await cluster.whole()
          await traffic.finish()
          gaps.set(name, [...(gaps.get(name) ?? []), Math.max(0, ...traffic.gaps)])
          expect(traffic.problems.slice(0, 10)).toEqual([])
          expect(traffic.confirmed.size).toBeGreaterThan(100)
        } catch (error) {
          failed = true
          throw error
        }
      },
      240_000,
    )
})
