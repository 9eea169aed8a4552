/** What docs/cluster.md says of upgrades, done under traffic with this build and one that acts as a newer release. */
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { NEWER, newerRelease } from '../../support/newer-release.ts'
import { type BrokerOfCluster, RealCluster } from '../../support/real-cluster.ts'
import { until } from '../../support/until.ts'
import { Traffic } from './traffic.ts'

let cluster: RealCluster | undefined
let traffic: Traffic | undefined
afterEach(async ({ task }) => {
  traffic?.stop()
  await cluster?.stop(task.result?.state === 'fail')
  cluster = undefined
})

/** The node is stopped, and started again with that program on the same folder. */
async function restart(node: BrokerOfCluster, program: string): Promise<void> {
  await node.stop('SIGTERM')
  node.program = program
  node.run()
}

async function begin(newRecords: boolean): Promise<{
  c: RealCluster
  active: BrokerOfCluster
  standbys: BrokerOfCluster[]
  old: string
  newer: string
}> {
  cluster = await RealCluster.start()
  await cluster.whole()
  const active = await cluster.serving()
  const standbys = cluster.brokers.filter((b) => b !== active)
  traffic = new Traffic(cluster.urls)
  await traffic.start()
  await traffic.confirms(100)
  const newer = newerRelease(join(cluster.engines.dir, 'newer'), newRecords)
  return { c: cluster, active, standbys, old: active.program, newer }
}

/** Confirms of messages that were published from now on, and all else that the record shows. */
async function goesOn(t: Traffic | undefined): Promise<void> {
  await t?.confirms(t.confirmed.size + 100)
  await t?.finish()
  expect(t?.problems).toEqual([])
}

const versions = async (b: BrokerOfCluster): Promise<(string | undefined)[]> =>
  (await b.status())?.nodes.map((n) => n.version).sort() ?? []

describe('an upgrade of the standbys, a planned switch and the last node', () => {
  it('loses nothing, and a standby may go back before the switch', async () => {
    const { c, active, standbys, old, newer } = await begin(false)
    const [first, second] = standbys as [BrokerOfCluster, BrokerOfCluster]
    await restart(first, newer)
    await c.whole()
    expect(await versions(active)).toContain(NEWER)
    await restart(first, old)
    await c.whole()
    expect(await versions(active)).not.toContain(NEWER)
    for (const b of [first, second]) {
      await restart(b, newer)
      await c.whole()
    }
    expect((await c.serving()).name).toBe(active.name)
    expect((await active.post(`/api/cluster/promote/${first.name}`)).status).toBe(204)
    // It follows the newer release, whose records are as its own.
    await c.whole()
    await restart(active, newer)
    await c.whole()
    expect(await versions(first)).toEqual([NEWER, NEWER, NEWER])
    await goesOn(traffic)
  })

  it('with records of a newer version: the last node ends, says why, and follows once it is upgraded', async () => {
    const { c, active, standbys, newer } = await begin(true)
    for (const b of standbys) {
      await restart(b, newer)
      await c.whole()
    }
    const [first] = standbys as [BrokerOfCluster]
    // The node that is asked may end before it has answered.
    await active.post(`/api/cluster/promote/${first.name}`).catch(() => undefined)
    await until(() => !active.running, 'the end of the node that cannot read the log')
    expect(active.said).toMatch(/record \d+ of the cluster's log .*newer release: .*Upgrade this node/)
    await traffic?.confirms(traffic.confirmed.size + 100)
    await restart(active, newer)
    await c.whole()
    await goesOn(traffic)
  })
})
