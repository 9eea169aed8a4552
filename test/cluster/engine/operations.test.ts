/** What docs/cluster.md says under "Operations", done with processes by the commands that stand there. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import amqp from 'amqplib'
import { afterEach, describe, expect, it } from 'vitest'
import { type BrokerOfCluster, RealCluster } from '../../support/real-cluster.ts'
import { until } from '../../support/until.ts'

const QUEUE = 'work'
const KINDS = ['classic', 'quorum', 'stream'] as const

let cluster: RealCluster | undefined
afterEach(async ({ task }) => {
  await cluster?.stop(task.result?.state === 'fail')
  cluster = undefined
})

async function idle(): Promise<{
  c: RealCluster
  nodes: [BrokerOfCluster, BrokerOfCluster, BrokerOfCluster]
}> {
  cluster = await RealCluster.start({ idle: true })
  const [a, b, c] = cluster.brokers
  return { c: cluster, nodes: [a, b, c] as [BrokerOfCluster, BrokerOfCluster, BrokerOfCluster] }
}

/** As soon as it serves. */
async function connect(url: string): Promise<amqp.ChannelModel> {
  let found: amqp.ChannelModel | undefined
  await until(async () => {
    found = await amqp.connect(url).catch(() => undefined)
    return found !== undefined
  }, `a broker at ${url}`)
  return found as amqp.ChannelModel
}

const queueOf = (kind: string): string => `${QUEUE}-${kind}`

/** Messages in a queue of each kind, all confirmed. */
async function publish(url: string, count: number, label: string): Promise<void> {
  const c = await connect(url)
  const ch = await c.createConfirmChannel()
  for (const kind of KINDS) {
    await ch.assertQueue(queueOf(kind), { durable: true, arguments: { 'x-queue-type': kind } })
    for (let i = 0; i < count; i++)
      ch.sendToQueue(queueOf(kind), Buffer.from(`${label}${i}`), { persistent: true })
  }
  await ch.waitForConfirms()
  await c.close()
}

/** How many messages the queues have, by kind. */
async function counts(url: string): Promise<number[]> {
  const c = await connect(url)
  const ch = await c.createChannel()
  const found: number[] = []
  for (const kind of KINDS) found.push((await ch.checkQueue(queueOf(kind))).messageCount)
  await c.close()
  return found
}

/** Texts of the classic queue, which stay there. */
async function texts(url: string): Promise<string[]> {
  const c = await connect(url)
  const ch = await c.createChannel()
  const found: string[] = []
  for (let m = await ch.get(queueOf('classic')); m !== false; m = await ch.get(queueOf('classic')))
    found.push(m.content.toString())
  await c.close()
  return found
}

const numbered = (count: number, label: string): string[] =>
  Array.from({ length: count }, (_, i) => label + i)

function leveret(node: BrokerOfCluster, ...args: string[]): { status: number | null; text: string } {
  const command = ['bin/leveret.js', ...args, '--data-dir', node.dir]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  return { status, text: stdout + stderr }
}

describe('from one node to three and back', () => {
  it('loses no message, no user and no policy', async () => {
    const { c, nodes } = await idle()
    const [a, b] = nodes
    a.runAlone()
    await publish(a.url, 300, 'alone ')
    expect(leveret(a, 'add_user', 'ann', 'secret').status).toBe(0)
    expect(leveret(a, 'set_policy', 'short', '^short', '{"max-length":10}').status).toBe(0)
    await a.stop('SIGTERM')

    a.run()
    await c.serving()
    for (const n of nodes.slice(1)) n.run()
    await c.whole()
    expect(await counts(b.url)).toEqual([300, 300, 300])
    await publish(b.url, 200, 'three ')
    const first = await c.serving()
    await first.stop('SIGKILL')
    await c.serving()
    first.run()
    await c.whole()

    const last = await c.serving()
    for (const n of nodes) if (n !== last) await n.stop('SIGTERM')
    await last.stop('SIGTERM')
    last.runAlone()
    expect(await counts(last.url)).toEqual([500, 500, 500])
    expect(await texts(last.url)).toEqual([...numbered(300, 'alone '), ...numbered(200, 'three ')])
    expect(leveret(last, 'list_users').text).toContain('ann')
    expect(leveret(last, 'list_policies').text).toContain('^short')

    // It has gone on alone: the log is not its own any more, and a new one begins with what it has now.
    await publish(last.url, 50, 'alone again ')
    await last.stop('SIGTERM')
    last.run()
    await until(() => !last.running, 'the end of the node')
    expect(last.said).toContain('the first one of a new cluster, with another cluster.name')
    last.run('another')
    expect(await counts(last.url)).toEqual([550, 550, 550])
    for (const n of nodes) {
      if (n === last) continue
      rmSync(n.dir, { recursive: true })
      mkdirSync(n.dir)
      n.run('another')
    }
    await c.whole()
    expect(await counts(b.url)).toEqual([550, 550, 550])
  })

  it('a folder with data of its own does not join a cluster that has other data, and says why', async () => {
    const { c, nodes } = await idle()
    const [a, b] = nodes
    b.runAlone()
    await publish(b.url, 10, 'its own ')
    await b.stop('SIGTERM')
    a.run()
    await publish(a.url, 20, 'the cluster ')
    b.run()
    await until(() => !b.running, 'the end of the node')
    expect(b.said).toContain('the data folder has data that is not of this cluster')
    expect(await counts(a.url)).toEqual([20, 20, 20])
    b.runAlone()
    expect(await counts(b.url)).toEqual([10, 10, 10])
    await b.stop('SIGTERM')
    rmSync(b.dir, { recursive: true })
    mkdirSync(b.dir)
    b.run()
    await until(async () => {
      const s = await a.status()
      return s?.nodes.some((n) => n.name === 'b' && n.state === 'standby') === true
    }, 'node b')
    expect((await c.serving()).name).toBe('a')
  })
})

describe('leveret cluster', () => {
  it('forgets a node that will not come back; one that does is a new one', async () => {
    cluster = await RealCluster.start()
    const [a, , c] = cluster.brokers as [BrokerOfCluster, BrokerOfCluster, BrokerOfCluster]
    await cluster.whole()
    await publish(a.url, 100, 'x')
    // Both kinds of node take the command: it is asked of one that is active, or of a standby.
    if ((await cluster.serving()) === c) await cluster.promoteAnother()
    await cluster.whole()
    const status = (): string => leveret(a, 'cluster', 'status').text
    expect(leveret(a, 'cluster', 'forget', 'c').text).toContain('node c is running: stop it first')
    await c.stop('SIGTERM')
    await until(() => leveret(a, 'cluster', 'forget', 'c').status === 0, 'node c to be forgotten')
    // A standby learns of it from the log.
    await until(() => !/^c /m.test(status()), 'node c to be gone from the list')
    expect(leveret(a, 'cluster', 'forget', 'nobody').text).toContain('there is no node nobody')
    c.run()
    await cluster.whole()
    expect(status()).toMatch(/^c +standby/m)
    expect(await counts(c.url)).toEqual([100, 100, 100])
  })

  it('says which NATS server is out of reach, and that there is no leader', async () => {
    cluster = await RealCluster.start()
    await cluster.whole()
    const { engines } = cluster
    const [a] = cluster.brokers as [BrokerOfCluster]
    const status = (): string => leveret(a, 'cluster', 'status').text
    expect(status()).toMatch(/leader n\d; n\d (current|\d+ behind), n\d (current|\d+ behind)/)
    const leader = await cluster.leader()
    const [one, two] = [0, 1, 2].filter((i) => i !== leader) as [number, number]
    await engines.kill(one)
    await until(() => status().includes(`n${one} out of reach`), 'one server to be missed')
    await engines.kill(two)
    await until(() => status().includes('leader none'), 'the leader to be missed')
    engines.run(one)
    engines.run(two)
    await cluster.whole()
  })

  it('a copy of the folder of a standby that was stopped is a back-up', async () => {
    cluster = await RealCluster.start()
    await cluster.whole()
    const active = await cluster.serving()
    const standby = cluster.brokers.find((b) => b !== active) as BrokerOfCluster
    await publish(active.url, 100, 'x')
    await until(async () => {
      const nodes = (await active.status())?.nodes ?? []
      return nodes.every((n) => n.lag_records === 0)
    }, 'the standbys')
    await standby.stop('SIGTERM')
    const copy = `${standby.dir}-copy`
    cpSync(standby.dir, copy, { recursive: true })
    standby.run()
    await cluster.whole()
    await publish(active.url, 50, 'later')
    await standby.stop('SIGTERM')
    standby.runAlone(copy)
    expect(await counts(standby.url)).toEqual([100, 100, 100])
  })
})

describe('NATS has lost', () => {
  it('the disk of one server: it copies the log from the others', async () => {
    cluster = await RealCluster.start()
    await cluster.whole()
    const [a] = cluster.brokers as [BrokerOfCluster]
    await publish(a.url, 100, 'x')
    await cluster.engines.lose(0)
    cluster.engines.run(0)
    await cluster.whole()
    await publish(a.url, 100, 'y')
    await cluster.engines.lose(1)
    cluster.engines.run(1)
    await cluster.whole()
    expect(await counts(a.url)).toEqual([200, 200, 200])
  })

  it('all disks: the node that had the most begins the log anew, and the others follow', async () => {
    cluster = await RealCluster.start()
    await cluster.whole()
    const active = await cluster.serving()
    const others = cluster.brokers.filter((b) => b !== active) as [BrokerOfCluster, BrokerOfCluster]
    await others[1].stop('SIGTERM')
    await publish(active.url, 100, 'x')
    for (const b of [others[0], active]) await b.stop('SIGTERM')
    for (const i of [0, 1, 2]) await cluster.engines.lose(i)
    await cluster.engines.runAll()
    active.run()
    await cluster.serving()
    for (const b of others) b.run()
    await cluster.whole()
    expect(await counts(others[1].url)).toEqual([100, 100, 100])
  })
})
