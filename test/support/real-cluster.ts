/** Brokers as processes on a cluster of nats-servers, each broker behind relays of the test's own that can be cut. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterStatus } from '../../src/management/cluster-view.ts'
import { Cable } from './cable.ts'
import { startChild } from './children.ts'
import { Engines, type EnginesOptions, freePort } from './nats.ts'
import { SmallDisk } from './small-disk.ts'

const SECRET = 'the secret of the tests'
const AUTH = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` }

export class BrokerOfCluster {
  readonly name: string
  readonly port: number
  readonly httpPort: number
  readonly peerPort: number
  readonly dir: string
  readonly cables: Cable[]
  /** Of its own, where the cluster has such. */
  disk: SmallDisk | undefined
  child: ChildProcess | undefined

  constructor(name: string, dir: string, ports: readonly [number, number, number], cables: Cable[]) {
    this.name = name
    this.dir = dir
    ;[this.port, this.httpPort, this.peerPort] = ports
    this.cables = cables
  }

  run(): void {
    const urls = this.cables.map((w) => `nats://127.0.0.1:${w.port}`).join(',')
    const config = `${this.dir}.conf`
    writeFileSync(config, `cluster.peer.port = 127.0.0.1:${this.peerPort}\ncluster.secret = ${SECRET}\n`)
    const args = [
      'bin/leveret.js',
      'start',
      '--port',
      String(this.port),
      '--management-port',
      String(this.httpPort),
    ]
    args.push('--metrics-port', 'none', '--bind', '127.0.0.1', '--data-dir', this.dir, '--config', config)
    args.push('--cluster-name', 'torture', '--node-name', this.name, '--cluster-urls', urls)
    const child = startChild(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const log = createWriteStream(`${this.dir}.log`, { flags: 'a' })
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    this.child = child
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const { child } = this
    if (child === undefined || !this.running) return
    child.kill(signal)
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await once(child, 'exit')
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

  private constructor(engines: Engines, brokers: BrokerOfCluster[]) {
    this.engines = engines
    this.brokers = brokers
  }

  static async start(
    options: EnginesOptions = {},
    names: readonly string[] = ['a', 'b', 'c'],
  ): Promise<RealCluster> {
    const engines = await Engines.start(3, options)
    const brokers: BrokerOfCluster[] = []
    for (const [i, name] of names.entries()) {
      const cables: Cable[] = []
      for (const k of [0, 1, 2]) cables.push(await Cable.open(engines.port((i + k) % 3)))
      const dir = join(engines.dir, `data-${name}`)
      mkdirSync(dir)
      const ports = [await freePort(), await freePort(), await freePort()] as const
      const broker = new BrokerOfCluster(name, dir, ports, cables)
      if (options.smallDisks === true) broker.disk = SmallDisk.mount(dir)
      brokers.push(broker)
    }
    const cluster = new RealCluster(engines, brokers)
    for (const b of brokers) b.run()
    await cluster.serving()
    return cluster
  }

  get urls(): string[] {
    return this.brokers.map((b) => `amqp://guest:guest@127.0.0.1:${b.port}`)
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

  /** All nodes run, and the standbys follow. */
  async whole(ms = 90_000): Promise<void> {
    for (const end = Date.now() + ms; Date.now() < end; ) {
      const active = await this.active()
      const s = await active?.status()
      const ready = (s?.nodes ?? []).filter((n) => n.state === 'standby' || n.state === 'serving')
      if (ready.length === this.brokers.length && s?.engine.replicas.every((r) => r.current)) return
      await pause(100)
    }
    throw new Error(`the cluster is not whole again; see ${this.engines.dir}`)
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
