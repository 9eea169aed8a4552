/** Brokers as processes on a cluster of nats-servers, each broker behind relays of the test's own that can be cut. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterStatus } from '../../src/management/cluster-view.ts'
import { Cable } from './cable.ts'
import { startChild } from './children.ts'
import { clusterReport } from './cluster-report.ts'
import { Engines, type EnginesOptions } from './nats.ts'
import { freePort } from './port.ts'
import { SmallDisk } from './small-disk.ts'

/** ms after which a server that is not seen to follow is started again. */
const BEHIND_MS = 25_000
/** Records that a server may lack and still follow: under traffic the slower one is never quite there. */
const BEHIND_RECORDS_MAX = 200
const SECRET = 'the secret of the tests'
const AUTH = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` }

export interface ClusterOptions extends EnginesOptions {
  /** Brokers are not started yet. */
  readonly idle?: boolean
}

export class BrokerOfCluster {
  readonly name: string
  readonly port: number
  readonly httpPort: number
  readonly peerPort: number
  readonly dir: string
  private readonly servers: readonly number[]
  readonly cables: Cable[]
  /** Of its own, where the cluster has such. */
  disk: SmallDisk | undefined
  child: ChildProcess | undefined
  /** It has been told to end. */
  stopped = false
  /** What it runs; another release's, where that is to be tried. */
  program = 'bin/leveret.js'

  /** @param servers their ports, the nearest first; cables lead to them, where there are any */
  constructor(
    name: string,
    dir: string,
    ports: readonly [number, number, number],
    servers: readonly number[],
    cables: Cable[],
  ) {
    this.name = name
    this.servers = servers
    this.dir = dir
    ;[this.port, this.httpPort, this.peerPort] = ports
    this.cables = cables
  }

  /** One of the cluster. */
  run(cluster = 'torture'): void {
    const ports = this.cables.length > 0 ? this.cables.map((c) => c.port) : this.servers
    const urls = ports.map((p) => `nats://127.0.0.1:${p}`).join(',')
    const config = `${this.dir}.conf`
    writeFileSync(config, `cluster.peer.port = 127.0.0.1:${this.peerPort}\ncluster.secret = ${SECRET}\n`)
    const names = ['--cluster-name', cluster, '--node-name', this.name]
    this.start(['--config', config, ...names, '--cluster-urls', urls])
  }

  /** Without the others, on the same folder. */
  runAlone(dir = this.dir): void {
    this.start([], dir)
  }

  private start(more: readonly string[], dir = this.dir): void {
    const ports = ['--port', String(this.port), '--management-port', String(this.httpPort)]
    const where = ['--metrics-port', 'none', '--bind', '127.0.0.1', '--data-dir', dir]
    const args = [this.program, 'start', ...ports, ...where, ...more]
    const child = startChild(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const log = createWriteStream(`${this.dir}.log`, { flags: 'a' })
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    this.child = child
    this.stopped = false
  }

  /** Everything that it has said in its log. */
  get said(): string {
    return readFileSync(`${this.dir}.log`, 'utf8')
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}`
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const { child } = this
    if (child === undefined || !this.running) return
    const ends = signal === 'SIGKILL' || signal === 'SIGTERM'
    if (ends) this.stopped = true
    child.kill(signal)
    if (ends) await once(child, 'exit')
  }

  /** Asks its HTTP API. */
  post(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.httpPort}${path}`, {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: '{}',
    })
  }

  /** What this node says of the cluster; undefined where it does not answer. */
  async status(): Promise<ClusterStatus | undefined> {
    if (!this.running) return undefined
    try {
      const r = await fetch(`http://127.0.0.1:${this.httpPort}/api/cluster/status`, {
        headers: AUTH,
        signal: AbortSignal.timeout(1000),
      })
      return r.status === 200 ? ((await r.json()) as ClusterStatus) : undefined
    } catch {
      return undefined
    }
  }
}

export class RealCluster {
  readonly engines: Engines
  readonly brokers: BrokerOfCluster[]
  /** Servers that had to be started again, since the one that leads did not see them follow. */
  serversRestarted = 0
  /** Brokers that have ended by themselves. */
  brokersRestarted = 0

  private constructor(engines: Engines, brokers: BrokerOfCluster[]) {
    this.engines = engines
    this.brokers = brokers
  }

  static async start(
    options: ClusterOptions = {},
    names: readonly string[] = ['a', 'b', 'c'],
  ): Promise<RealCluster> {
    const engines = await Engines.start(3, options)
    const brokers: BrokerOfCluster[] = []
    for (const [i, name] of names.entries()) {
      const cables: Cable[] = []
      const near = [0, 1, 2].map((k) => engines.port((i + k) % 3))
      if (options.cables === true) for (const port of near) cables.push(await Cable.open(port))
      const dir = join(engines.dir, `data-${name}`)
      if (options.smallDisks === true) mkdirSync(dir)
      const ports = [await freePort(), await freePort(), await freePort()] as const
      const broker = new BrokerOfCluster(name, dir, ports, near, cables)
      if (options.smallDisks === true) broker.disk = SmallDisk.mount(dir)
      brokers.push(broker)
    }
    const cluster = new RealCluster(engines, brokers)
    if (options.idle === true) return cluster
    for (const b of brokers) b.run()
    try {
      await cluster.serving()
    } catch (error) {
      process.stdout.write(await clusterReport(cluster))
      await cluster.stop(true)
      throw error
    }
    return cluster
  }

  get urls(): string[] {
    return this.brokers.map((b) => b.url)
  }

  broker(name: string): BrokerOfCluster {
    return this.brokers.find((b) => b.name === name) as BrokerOfCluster
  }

  /** The node that serves clients at the moment. */
  async active(): Promise<BrokerOfCluster | undefined> {
    for (const b of this.brokers) {
      const s = await b.status()
      const serving = s?.nodes.find((n) => n.active && n.state === 'serving')
      if (serving !== undefined && this.broker(serving.name).running) return this.broker(serving.name)
    }
    return undefined
  }

  async serving(ms = 60_000): Promise<BrokerOfCluster> {
    for (const end = Date.now() + ms; Date.now() < end; ) {
      const active = await this.active()
      if (active !== undefined) return active
      await pause(20)
    }
    throw new Error(`no node serves; see ${this.engines.dir}`)
  }

  /** All nodes run, the standbys follow, and so do the servers. */
  async whole(ms = 90_000): Promise<void> {
    const began = Date.now()
    let restarted = false
    for (;;) {
      this.supervise()
      const nodes = await this.nodesAmiss()
      const servers = await this.serversAmiss()
      if (nodes.length === 0 && servers.size === 0) return
      const waited = Date.now() - began
      const amiss = [...nodes, ...servers.values()].join(', ')
      if (waited > ms)
        throw new Error(
          `the cluster is not whole again after ${Math.round(waited / 1000)} s: ${amiss}; see ${this.engines.dir}`,
        )
      if (servers.size > 0 && !restarted && waited > BEHIND_MS) {
        restarted = true
        process.stdout.write(`${amiss}: it is started again\n${await clusterReport(this)}`)
        for (const i of servers.keys()) await this.restartServer(i)
      }
      await pause(100)
    }
  }

  /** Nodes that are not what they should be, by their own account: others hear of it later. */
  private async nodesAmiss(): Promise<string[]> {
    const amiss: string[] = []
    const epochs = new Set<number>()
    for (const b of this.brokers) {
      const s = await b.status()
      const state = s?.nodes.find((n) => n.name === b.name)?.state ?? 'out of reach'
      if (state !== 'standby' && state !== 'serving') amiss.push(`${b.name} is ${state}`)
      else if (s?.active === '') amiss.push(`${b.name} knows of no active node`)
      if (s !== undefined) epochs.add(s.epoch)
    }
    if (epochs.size > 1) amiss.push('the nodes are of several epochs')
    return amiss
  }

  /** Servers that are not well by their own account, or that the leading one does not see follow, and why. */
  private async serversAmiss(): Promise<Map<number, string>> {
    const amiss = new Map<number, string>()
    for (const r of (await (await this.active())?.status())?.engine.replicas ?? [])
      if (!r.current && (!r.reached || r.lag > BEHIND_RECORDS_MAX))
        amiss.set(this.engines.index(r.name), `${r.name} is ${r.lag} behind${r.reached ? '' : ', and away'}`)
    for (let i = 0; i < this.engines.count; i++) {
      const problem = await this.engines.problem(i)
      if (problem !== undefined) amiss.set(i, problem)
    }
    return amiss
  }

  /** What systemd does with a process that has ended by itself, as one may whose disk is full when its role changes. */
  private supervise(): void {
    for (const b of this.brokers)
      if (b.child !== undefined && !b.running && !b.stopped) {
        this.brokersRestarted++
        b.run()
      }
  }

  /** A standby becomes the active node. */
  async promoteAnother(): Promise<void> {
    const active = await this.serving()
    const next = this.brokers.find((b) => b !== active && b.running) as BrokerOfCluster
    const r = await active.post(`/api/cluster/promote/${next.name}`)
    if (r.status !== 204) throw new Error(`promote ${next.name}: ${r.status} ${await r.text()}`)
  }

  /** What an operator does with a server that leaves the others alone for long (docs/cluster.md). */
  private async restartServer(i: number): Promise<void> {
    this.serversRestarted++
    await this.engines.kill(i)
    this.engines.run(i)
  }

  /** The server that leads the log. */
  async leader(): Promise<number> {
    for (const b of this.brokers) {
      const s = await b.status()
      if (s !== undefined && s.engine.leader !== '') return this.engines.index(s.engine.leader)
    }
    return 0
  }

  async stop(keep = false): Promise<void> {
    for (const b of this.brokers) {
      b.child?.kill('SIGCONT')
      await b.stop('SIGKILL')
      for (const c of b.cables) c.close()
      b.disk?.unmount()
    }
    await this.engines.stop(keep)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
