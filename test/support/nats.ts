/** nats-server processes for tests: a JetStream cluster on loopback, with ports and folders of its own. */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NatsServer, natsConfig } from '../../src/cluster/nats-config.ts'
import { Cable } from './cable.ts'
import { startChild } from './children.ts'
import { accepts, freePort } from './port.ts'
import { SmallDisk } from './small-disk.ts'
import { cameTrue, until } from './until.ts'

/** Where the program is; Debian's is not in the PATH of everybody. */
export const NATS_SERVER = process.env['NATS_SERVER'] ?? 'nats-server'

export function natsVersion(): string | undefined {
  const { stdout, error } = spawnSync(NATS_SERVER, ['--version'], { encoding: 'utf8' })
  return error === undefined ? stdout.trim() : undefined
}

export interface EnginesOptions {
  /** The servers reach each other over cables that can be cut. */
  readonly cables?: boolean
  /** Each has a disk of its own that can be filled. */
  readonly smallDisks?: boolean
  /** What else stands in the configuration of each. */
  readonly config?: string
}

/** ms for which a server's answer about itself is waited for. */
const ANSWER_MS = 2000

/** ms that servers which begin a cluster are given to find each other. */
const JOIN_MS = 10_000
const JOIN_LOOK_MS = 100
const JOIN_ATTEMPTS = 6

interface MetaCluster {
  readonly leader?: string
  readonly replicas?: readonly { readonly name: string }[]
}

export class Engines {
  readonly urls: string[]
  readonly dir: string
  private readonly servers: NatsServer[]
  private readonly processes: (ChildProcess | undefined)[] = []
  private readonly config: string
  /** From the first to the second. */
  private readonly cables = new Map<NatsServer, Map<NatsServer, Cable>>()
  private readonly disks: SmallDisk[] = []

  private constructor(dir: string, servers: NatsServer[], config = '') {
    this.dir = dir
    this.servers = servers
    this.config = config
    this.urls = servers.map((s) => `nats://127.0.0.1:${s.port}`)
  }

  static async start(count = 3, options: EnginesOptions = {}): Promise<Engines> {
    const dir = mkdtempSync(join(tmpdir(), 'leveret-nats-'))
    const servers: NatsServer[] = []
    for (let i = 0; i < count; i++) {
      const storeDir = join(dir, `n${i}`)
      mkdirSync(storeDir)
      servers.push({
        name: `n${i}`,
        host: '127.0.0.1',
        port: await freePort(),
        routePort: await freePort(),
        monitorPort: await freePort(),
        storeDir,
      })
    }
    const engines = new Engines(dir, servers, options.config)
    if (options.cables === true) await engines.layCables()
    if (options.smallDisks === true) for (const s of servers) engines.disks.push(SmallDisk.mount(s.storeDir))
    await engines.runAll()
    if (count > 1) await engines.joined()
    return engines
  }

  /** One after the other: servers that connect to each other at the same moment may end up with half of a route. */
  async runAll(): Promise<void> {
    for (let i = 0; i < this.count; i++) {
      this.run(i)
      await until(() => accepts(this.port(i)), `nats-server to listen on ${this.port(i)}`)
    }
  }

  /**
   * Waits until each is a member of the cluster. Servers of 2.10 that begin a cluster may leave one out for good, until it
   * is started again.
   */
  async joined(): Promise<void> {
    const whole = async (): Promise<boolean> => (await this.missing())?.length === 0
    for (let attempt = 0; attempt < JOIN_ATTEMPTS; attempt++) {
      if (await cameTrue(whole, JOIN_MS, JOIN_LOOK_MS)) return
      for (const i of (await this.missing()) ?? []) {
        process.stdout.write(`n${i} has not joined the servers' cluster: it is started again\n`)
        await this.kill(i)
        this.run(i)
      }
    }
    throw new Error(`the servers do not find each other; see ${this.dir}`)
  }

  /** Servers that the leading one does not count; undefined while none leads. */
  private async missing(): Promise<number[] | undefined> {
    for (let i = 0; i < this.count; i++) {
      const { meta_cluster: meta } = ((await this.ask(i, '/jsz')) ?? {}) as { meta_cluster?: MetaCluster }
      if (meta === undefined || meta.leader !== `n${i}`) continue
      const known = [meta.leader, ...(meta.replicas ?? []).map((r) => r.name)]
      return this.servers.map((s) => s.name).flatMap((name, k) => (known.includes(name) ? [] : [k]))
    }
    return undefined
  }

  private async layCables(): Promise<void> {
    for (const from of this.servers) {
      const cables = new Map<NatsServer, Cable>()
      for (const to of this.servers) if (to !== from) cables.set(to, await Cable.open(to.routePort))
      this.cables.set(from, cables)
    }
  }

  /** Those that lead to this server, and from it. */
  private cablesOf(i: number): Cable[] {
    const server = this.servers[i] as NatsServer
    return [...this.cables].flatMap(([from, cables]) =>
      [...cables].filter(([to]) => from === server || to === server).map(([, cable]) => cable),
    )
  }

  /** The server hears nothing of the others, and they nothing of it. */
  cutOff(i: number): void {
    for (const c of this.cablesOf(i)) c.cut()
  }

  mend(): void {
    for (let i = 0; i < this.count; i++) for (const c of this.cablesOf(i)) c.mend()
  }

  /** Its disk is lost; it does not run meanwhile. */
  async lose(i: number): Promise<void> {
    const { storeDir } = this.servers[i] as NatsServer
    await this.kill(i)
    rmSync(storeDir, { recursive: true, force: true })
    mkdirSync(storeDir)
  }

  disk(i: number): SmallDisk {
    return this.disks[i] as SmallDisk
  }

  /** On the server's own disk, where it has one. */
  freeBytes(i: number): number | undefined {
    return this.disks[i]?.freeBytes
  }

  run(i: number): void {
    const server = this.servers[i] as NatsServer
    const file = join(this.dir, `${server.name}.conf`)
    const cables = this.cables.get(server)
    const config = natsConfig(server, {
      cluster: 'test',
      servers: this.servers.map((s) =>
        s === server ? s : { ...s, routePort: cables?.get(s)?.port ?? s.routePort },
      ),
      password: undefined,
      routePassword: undefined,
      bind: '127.0.0.1',
    })
    // What servers tell each other of their addresses would lead past the cables.
    const advertise = cables === undefined ? '' : '\n  advertise: "127.0.0.1:1"'
    writeFileSync(file, config.replace('cluster {', `cluster {${advertise}`) + this.config)
    this.processes[i] = startChild(NATS_SERVER, ['-c', file, '-l', this.logFile(i)], { stdio: 'ignore' })
  }

  private logFile(i: number): string {
    return join(this.dir, `n${i}.log`)
  }

  /** Everything that the server has said in its log. */
  said(i: number): string {
    return existsSync(this.logFile(i)) ? readFileSync(this.logFile(i), 'utf8') : ''
  }

  /** What the server says about itself, such as /jsz; undefined where it does not answer. */
  async ask(i: number, path: string): Promise<unknown> {
    try {
      const url = `http://127.0.0.1:${(this.servers[i] as NatsServer).monitorPort}${path}`
      return await (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })).json()
    } catch {
      return undefined
    }
  }

  /** What is wrong with the server, by its own account; undefined where nothing is. */
  async problem(i: number): Promise<string | undefined> {
    // With streams and consumers, it would miss readers of the log that have gone.
    const health = (await this.ask(i, '/healthz?js-server-only=true')) as
      | { status: string; error?: string }
      | undefined
    if (health?.status === 'ok') return undefined
    return `n${i}: ${health === undefined ? 'it does not answer' : (health.error ?? health.status)}`
  }

  /** Of the server's process; undefined where it does not run. */
  pid(i: number): number | undefined {
    const child = this.processes[i]
    return child?.exitCode === null && child.signalCode === null ? child.pid : undefined
  }

  signal(i: number, signal: NodeJS.Signals): void {
    this.processes[i]?.kill(signal)
  }

  get count(): number {
    return this.servers.length
  }

  port(i: number): number {
    return (this.servers[i] as NatsServer).port
  }

  index(name: string): number {
    return this.servers.findIndex((s) => s.name === name)
  }

  /** Without a goodbye. */
  async kill(i: number): Promise<void> {
    const child = this.processes[i]
    this.processes[i] = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async stop(keep = false): Promise<void> {
    for (let i = 0; i < this.count; i++) await this.kill(i)
    for (let i = 0; i < this.count; i++) for (const c of this.cablesOf(i)) c.close()
    for (const d of this.disks) d.unmount()
    if (!keep) rmSync(this.dir, { recursive: true, force: true })
  }
}
