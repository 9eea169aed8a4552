/** nats-server processes for tests: a JetStream cluster on loopback, with ports and folders of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NatsServer, natsConfig } from '../../src/cluster/nats-config.ts'

/** Where the program is; Debian's is not in the PATH of everybody. */
export const NATS_SERVER = process.env['NATS_SERVER'] ?? 'nats-server'

export function natsVersion(): string | undefined {
  const { stdout, error } = spawnSync(NATS_SERVER, ['--version'], { encoding: 'utf8' })
  return error === undefined ? stdout.trim() : undefined
}

export class Engines {
  readonly urls: string[]
  readonly dir: string
  private readonly servers: NatsServer[]
  private readonly processes: (ChildProcess | undefined)[] = []

  private constructor(dir: string, servers: NatsServer[]) {
    this.dir = dir
    this.servers = servers
    this.urls = servers.map((s) => `nats://127.0.0.1:${s.port}`)
  }

  static async start(count = 3): Promise<Engines> {
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
        storeDir,
      })
    }
    const engines = new Engines(dir, servers)
    for (let i = 0; i < count; i++) engines.run(i)
    for (let i = 0; i < count; i++) await listening((servers[i] as NatsServer).port)
    return engines
  }

  run(i: number): void {
    const server = this.servers[i] as NatsServer
    const file = join(this.dir, `${server.name}.conf`)
    writeFileSync(
      file,
      natsConfig(server, {
        cluster: 'test',
        servers: this.servers,
        password: undefined,
        routePassword: undefined,
        bind: '127.0.0.1',
      }),
    )
    this.processes[i] = spawn(NATS_SERVER, ['-c', file, '-l', join(this.dir, `${server.name}.log`)], {
      stdio: 'ignore',
    })
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

  async stop(): Promise<void> {
    for (let i = 0; i < this.count; i++) await this.kill(i)
    rmSync(this.dir, { recursive: true, force: true })
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port: number): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    const ok = await new Promise<boolean>((resolve) => {
      const s = connect(port, '127.0.0.1')
      s.once('connect', () => {
        s.destroy()
        resolve(true)
      })
      s.once('error', () => resolve(false))
    })
    if (ok) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nats-server does not listen on ${port}`)
}
