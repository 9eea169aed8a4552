/** What is done to a cluster of processes while it works. Each fault is over when the function is, but not yet healed. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BrokerOfCluster, pause, type RealCluster } from '../../support/real-cluster.ts'
import { until } from '../../support/until.ts'

/** ms for which something is away that the others can do without. */
const AWAY = 3000
/** ms for which a server is away: longer than the others take to choose a leader. */
const SERVER_AWAY = 10_000

export type Fault = (cluster: RealCluster) => Promise<void>

const SERVERS = [0, 1, 2]

async function standby(cluster: RealCluster): Promise<BrokerOfCluster> {
  const active = await cluster.serving()
  return cluster.brokers.find((b) => b !== active && b.running) as BrokerOfCluster
}

async function follower(cluster: RealCluster): Promise<number> {
  const leader = await cluster.leader()
  return SERVERS.find((i) => i !== leader) as number
}

async function killed(brokers: readonly BrokerOfCluster[], awayMs: number): Promise<void> {
  await Promise.all(brokers.map((b) => b.stop('SIGKILL')))
  await pause(awayMs)
  for (const b of brokers) b.run()
}

async function stopped(broker: BrokerOfCluster): Promise<void> {
  await broker.stop('SIGSTOP')
  await pause(10_000)
  await broker.stop('SIGCONT')
}

async function serverStopped(cluster: RealCluster, server: number): Promise<void> {
  cluster.engines.signal(server, 'SIGSTOP')
  await pause(10_000)
  cluster.engines.signal(server, 'SIGCONT')
}

async function serversCutOff(cluster: RealCluster, servers: readonly number[], ms: number): Promise<void> {
  for (const i of servers) cluster.engines.cutOff(i)
  await pause(ms)
  cluster.engines.mend()
}

const killings: { readonly [name: string]: Fault } = {
  'the active node is killed': async (c) => killed([await c.serving()], AWAY),
  'a standby is killed': async (c) => killed([await standby(c)], AWAY),
  'the server that leads the log is killed': async (c) => {
    const leader = await c.leader()
    await c.engines.kill(leader)
    await pause(SERVER_AWAY)
    c.engines.run(leader)
  },
  'a server that follows is killed': async (c) => {
    const server = await follower(c)
    await c.engines.kill(server)
    await pause(AWAY)
    c.engines.run(server)
  },
  'the active node and the leader are killed': async (c) => {
    const [active, leader] = [await c.serving(), await c.leader()]
    await Promise.all([active.stop('SIGKILL'), c.engines.kill(leader)])
    await pause(SERVER_AWAY)
    active.run()
    c.engines.run(leader)
  },
  'all servers are killed': async (c) => {
    await Promise.all(SERVERS.map((i) => c.engines.kill(i)))
    await pause(1000)
    await c.engines.runAll()
  },
  'all brokers are killed': (c) => killed(c.brokers, 0),
  'everything is killed': async (c) => {
    await Promise.all([...SERVERS.map((i) => c.engines.kill(i)), ...c.brokers.map((b) => b.stop('SIGKILL'))])
    await c.engines.runAll()
    for (const b of c.brokers) b.run()
  },
}

const stops: { readonly [name: string]: Fault } = {
  'the active node stands still for 10 s': async (c) => stopped(await c.serving()),
  'a standby stands still for 10 s': async (c) => stopped(await standby(c)),
  'the server that leads the log stands still for 10 s': async (c) => serverStopped(c, await c.leader()),
}

const cuts: { readonly [name: string]: Fault } = {
  'the active node is cut off from all servers': async (c) => {
    const active = await c.serving()
    for (const w of active.cables) w.cut()
    await pause(6000)
    for (const w of active.cables) w.mend()
  },
  'the machine of the active node is cut off: broker and server reach each other, and nobody else': async (
    c,
  ) => {
    const active = await c.serving()
    const i = c.brokers.indexOf(active)
    const others = active.cables.slice(1)
    for (const w of others) w.cut()
    await serversCutOff(c, [i], SERVER_AWAY)
    for (const w of others) w.mend()
  },
  'the server that leads the log is cut off from the others': async (c) =>
    serversCutOff(c, [await c.leader()], SERVER_AWAY),
  'a server that follows is cut off': async (c) => serversCutOff(c, [await follower(c)], SERVER_AWAY),
  'all servers are cut off from each other': (c) => serversCutOff(c, SERVERS, 6000),
}

const planned: { readonly [name: string]: Fault } = {
  'a standby has lost its folder': async (c) => {
    const b = await standby(c)
    await b.stop('SIGKILL')
    for (const name of readdirSync(b.dir)) rmSync(join(b.dir, name), { recursive: true, force: true })
    b.run()
    await c.whole()
    const active = await c.serving()
    const nodes = (await active.status())?.nodes
    const copied = nodes?.find((n) => n.name === b.name)?.applied
    if (copied === undefined || copied === 0) throw new Error(`nothing was copied to ${b.name}`)
  },
  'a planned switch': (c) => c.promoteAnother(),
  'a rolling restart': async (c) => {
    for (const b of c.brokers) {
      await b.stop('SIGTERM')
      b.run()
      await c.whole()
    }
  },
  'a rolling restart of the servers': async (c) => {
    for (const i of SERVERS) {
      await c.engines.kill(i)
      c.engines.run(i)
      await c.whole()
    }
  },
}

/** These need disks of their own. */
export const fullDisks: { readonly [name: string]: Fault } = {
  'the disk of the active node is full': async (c) => fullDisk(await c.serving()),
  'the disk of a standby is full': async (c) => fullDisk(await standby(c)),
  'the disk of the server that leads the log is full': async (c) => serverDiskFull(c, await c.leader()),
  'the disk of a server that follows is full': async (c) => serverDiskFull(c, await follower(c)),
}

async function fullDisk({ disk }: BrokerOfCluster): Promise<void> {
  disk?.fill()
  await pause(6000)
  disk?.makeRoom()
}

/** A nats-server without room turns its log off until it is started again. */
async function serverDiskFull({ engines }: RealCluster, server: number): Promise<void> {
  engines.disk(server).fill()
  await pause(SERVER_AWAY)
  engines.disk(server).makeRoom()
  await until(() => engines.disk(server).freeBytes > 0, 'room')
  await engines.kill(server)
  engines.run(server)
}

export const faults: { readonly [name: string]: Fault } = { ...killings, ...stops, ...cuts, ...planned }
