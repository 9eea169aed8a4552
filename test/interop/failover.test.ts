/** Clients of other languages on a cluster: one node is killed, and another switch is planned; each goes on by itself. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCluster, type TestCluster } from '../../src/index.ts'
import { startChild } from '../support/children.ts'
import { cameTrue, until } from '../support/until.ts'

/** Messages; the switches come in between. */
const COUNT = 1200
const FIRST = 200
const SECOND = 700
/** ms until a program is compiled and under way, on a busy machine. */
const COMPILED_MS_MAX = 300_000

const cache = mkdtempSync(join(tmpdir(), 'leveret-failover-'))
const goEnv = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOCACHE: join(cache, 'go'), GOFLAGS: '' }
const JARS = ['amqp-client', 'slf4j-api', 'slf4j-nop'].map((j) => `/usr/share/java/${j}.jar`).join(':')

let cluster: TestCluster
beforeAll(async () => {
  cluster = await createCluster({ nodes: 3 })
})
afterAll(async () => {
  await cluster?.close()
  rmSync(cache, { recursive: true, force: true })
})

/** A program that prints how many messages it has received, each time that it is another one. */
class Client {
  readonly ended: Promise<number | string>
  received = 0
  output = ''
  private readonly child: ChildProcess

  constructor(command: string, args: readonly string[], env: Record<string, string>) {
    const cwd = join(import.meta.dirname, 'failover')
    this.child = startChild(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.child.stdout?.on('data', (b: Buffer) => {
      this.received = Number(b.toString().trimEnd().split('\n').at(-1)) || this.received
    })
    this.child.stderr?.on('data', (b: Buffer) => {
      this.output += b
    })
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code, signal) => resolve(code ?? signal ?? -1))
    })
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** However long it takes: programs are compiled first, on a busy machine. */
  async has(count: number): Promise<void> {
    await cameTrue(() => this.received >= count || !this.running, COMPILED_MS_MAX)
    expect(this.received, this.output).toBeGreaterThanOrEqual(count)
  }

  stop(): void {
    this.child.kill('SIGKILL')
  }
}

describe('at a failover and at a planned switch', () => {
  it.each<[string, string, string[], Record<string, string>]>([
    ['pika', '/usr/bin/python3', ['failover.py'], {}],
    ['bunny', 'ruby', ['failover.rb'], {}],
    ['amqp091-go', 'go', ['run', 'failover.go'], goEnv],
    ['the Java client', 'java', ['-cp', JARS, 'Failover.java'], {}],
  ])('%s goes on by itself, and nothing confirmed is missing', async (name, command, args, env) => {
    const ports = cluster.nodes.map((n) => n.port).join(',')
    const client = new Client(command, [...args, ports, `f-${name}`, String(COUNT)], env)
    try {
      await client.has(FIRST)
      const first = cluster.active?.name as string
      await cluster.kill(first)
      await cluster.untilActive()
      await cluster.restart(first)
      await client.has(SECOND)
      const target = cluster.nodes.find((n) => !n.active)?.name as string
      await until(
        async () => (await cluster.promote(target).catch(() => 'not yet')) === undefined,
        'the switch',
      )
      expect(await client.ended, client.output).toBe(0)
      expect(client.received).toBe(COUNT)
    } finally {
      client.stop()
    }
  })
})
