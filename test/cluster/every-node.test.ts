/** What each node of a cluster answers for itself, whichever of them has the broker: HTTP API, commands, metrics. */
import amqp from 'amqplib'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { TestCluster, type TestNode } from '../../src/embedding/test-cluster.ts'
import type { ClusterStatus } from '../../src/management/cluster-view.ts'
import type { BrokerNode } from '../../src/node/node.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { type Family, parse } from '../metrics/parse.ts'
import { runCommand } from '../support/ctl.ts'
import { until } from '../support/until.ts'

const HOST = '127.0.0.1'
const LOGIN = 'guest:guest'
const headers = { authorization: `Basic ${btoa(LOGIN)}` }

let cluster: TestCluster
beforeEach(async () => {
  const settings = {
    ...defaultSettings,
    listeners: [{ port: 0, bind: HOST }],
    management: [{ port: 0, bind: HOST }],
    metrics: [{ port: 0, bind: HOST }],
  }
  const parts = { settings, loggers: oneForAll(silent), failoverAfterMs: 5000 }
  cluster = await TestCluster.start(['a', 'b', 'c'], parts, (port) => `amqp://${HOST}:${port}`)
  onTestFinished(() => cluster.close())
  for (const n of cluster.nodes) await until(() => isWhole(n), `${n.name} to know all`)
})

const get = (n: TestNode, path: string): Promise<Response> =>
  fetch(`http://${HOST}:${n.managementPort}/api/${path}`, { headers })

const statusNow = async (n: TestNode): Promise<ClusterStatus> =>
  (await (await get(n, 'cluster/status')).json()) as ClusterStatus

/** Whether it knows its users, and hears all nodes. */
async function isWhole(n: TestNode): Promise<boolean> {
  const r = await get(n, 'cluster/status')
  const { nodes = [] } = (await r.json()) as Partial<ClusterStatus>
  return nodes.length === cluster.nodes.length && nodes.every((m) => m.running)
}

/** The names of the nodes that run, as that one lists them. */
async function namesAt(n: TestNode): Promise<string[]> {
  const nodes = (await (await get(n, 'nodes')).json()) as { name: string; running: boolean }[]
  return nodes.flatMap((m) => (m.running ? [m.name] : [])).sort()
}

/** The command at that node, by its HTTP API. */
async function leveret(n: TestNode, ...args: string[]): Promise<string> {
  const r = await runCommand([...args, '--url', httpOf(n)])
  expect([args, r.code, r.stderr]).toEqual([args, 0, ''])
  return r.stdout
}

async function metricsOf(n: TestNode): Promise<Map<string, Family>> {
  const { metricsPort } = (n as unknown as { node: BrokerNode }).node
  return parse(await (await fetch(`http://${HOST}:${metricsPort}/metrics`)).text())
}

/** Of a metric without labels. */
function value(families: Map<string, Family>, name: string): number | undefined {
  return families.get(`leveret_cluster_${name}`)?.samples[0]?.value
}

const byNode = (families: Map<string, Family>, name: string): object =>
  Object.fromEntries(
    families.get(`leveret_cluster_${name}`)?.samples.map((s) => [s.labels['node'], s.value]) ?? [],
  )

const active = (): TestNode => cluster.active as TestNode
const running = (): TestNode[] => cluster.nodes.filter((n) => n.running)

async function publish(url: string): Promise<void> {
  const c = await amqp.connect(url)
  const ch = await c.createConfirmChannel()
  await ch.assertQueue('q')
  ch.sendToQueue('q', Buffer.from('m'), { persistent: true })
  await ch.waitForConfirms()
  await c.close()
}

describe('each node', () => {
  it('lists all nodes, says of itself whether it is well, and which of them is away', async () => {
    for (const n of cluster.nodes) {
      expect(new Set(await namesAt(n)).size).toBe(3)
      for (const check of [
        'alarms',
        'local-alarms',
        'virtual-hosts',
        'node-is-quorum-critical',
        'ready-to-serve-clients',
        'reached-target-cluster-size',
        `port-listener/${n.port}`,
        'protocol-listener/amqp',
      ]) {
        const r = await get(n, `health/checks/${check}`)
        expect([n.name, check, r.status, await r.json()]).toEqual([
          n.name,
          check,
          200,
          expect.objectContaining({ status: 'ok' }),
        ])
      }
    }
    const lost = cluster.nodes.find((n) => !n.active) as TestNode
    await cluster.kill(lost.name)
    for (const n of running())
      await until(async () => {
        const r = await get(n, 'health/checks/reached-target-cluster-size')
        return r.status === 503 && (await r.text()).includes(`nodes are away: ${lost.name}`)
      }, `${n.name} to miss ${lost.name}`)
  })

  it('takes the commands of a cluster', async () => {
    for (const n of cluster.nodes) {
      const text = await leveret(n, 'cluster', 'status')
      expect(text).toContain(`seen by ${n.name}; active: ${active().name}; epoch `)
      for (const m of cluster.nodes)
        expect(text).toMatch(new RegExp(`^${m.name} +${m.active ? 'active' : 'standby'} `, 'm'))
      const json = JSON.parse(await leveret(n, 'cluster', 'status', '--formatter', 'json')) as ClusterStatus
      expect([json.node, json.active]).toEqual([n.name, active().name])
      const { running_nodes } = JSON.parse(await leveret(n, 'cluster_status', '--formatter', 'json'))
      expect([n.name, [...running_nodes].sort()]).toEqual([n.name, await namesAt(n)])
    }
    // Asked of a standby, for another one.
    const [one, other] = cluster.nodes.filter((n) => !n.active) as [TestNode, TestNode]
    expect(await leveret(one, 'cluster', 'promote', other.name)).toBe(
      `node ${other.name} is now the active node\n`,
    )
    await until(() => cluster.active?.name === other.name, 'the switch')
    await cluster.kill(one.name)
    await until(
      async () => (await runCommand(['cluster', 'forget', one.name, '--url', httpOf(other)])).code === 0,
      'it to be forgotten',
    )
    expect(await leveret(other, 'cluster', 'status')).not.toMatch(new RegExp(`^${one.name} `, 'm'))
  })

  it('has metrics of the cluster', async () => {
    await publish(cluster.urls[0] as string)
    const first = active()
    const { epoch, takeovers } = await statusNow(first)
    const lag = { a: 0, b: 0, c: 0 }
    for (const n of cluster.nodes) {
      await until(async () => {
        const f = await metricsOf(n)
        return (
          JSON.stringify([byNode(f, 'node_lag_records'), byNode(f, 'node_lag_seconds')]) ===
          JSON.stringify([lag, lag])
        )
      }, 'no lag')
      const f = await metricsOf(n)
      expect([n.name, value(f, 'active')]).toEqual([n.name, n === first ? 1 : 0])
      expect([value(f, 'epoch'), value(f, 'engine_connected')]).toEqual([epoch, 1])
      expect(byNode(f, 'node_up')).toEqual({ a: 1, b: 1, c: 1 })
      await until(async () => (value(await metricsOf(n), 'log_bytes') ?? 0) > 0, 'the size of the log')
      expect(value(await metricsOf(n), 'log_records')).toBeGreaterThan(0)
    }
    await until(
      async () => (value(await metricsOf(first), 'engine_round_trip_seconds') ?? 0) > 0,
      'the time that a batch takes',
    )
    const standby = cluster.nodes.find((n) => !n.active) as TestNode
    const passedOn = async (): Promise<unknown[]> => [
      value(await metricsOf(first), 'relayed_clients'),
      value(await metricsOf(standby), 'relayed_clients'),
    ]
    const c = await amqp.connect(standby.url)
    expect(await passedOn()).toEqual([0, 1])
    await c.close()
    await until(async () => (await passedOn()).join() === '0,0', 'the client to be gone')
    await cluster.kill(first.name)
    const next = await cluster.untilActive()
    const nextEpoch = (await statusNow(next)).epoch
    expect(nextEpoch).toBeGreaterThan(epoch)
    for (const n of running())
      await until(async () => {
        const f = await metricsOf(n)
        const up = byNode(f, 'node_up') as Record<string, number>
        return (
          up[first.name] === 0 &&
          value(f, 'epoch') === nextEpoch &&
          value(f, 'active') === (n === next ? 1 : 0)
        )
      }, `${n.name} to tell of the failover`)
    expect(value(await metricsOf(next), 'takeovers_total')).toBe(takeovers + 1)
  })
})

function httpOf(n: TestNode): string {
  return `http://${LOGIN}@${HOST}:${n.managementPort}`
}
