/** A broker to move from or to, and a Leveret in a process of its own that runs the shovels. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import amqp from 'amqplib'
import { onTestFinished } from 'vitest'
import { startChild } from '../support/children.ts'
import { type BrokerProcess, type Finished, runCli, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'

export type Json = Record<string, unknown>

/** Any broker: its AMQP and its HTTP API. */
export class Side {
  readonly url: string
  readonly http: string
  private readonly login: string

  constructor(url: string, http: string, login = 'guest:guest') {
    this.url = url
    this.http = http
    this.login = login
  }

  async api<T = Json>(method: string, path: string, body?: unknown): Promise<T> {
    const r = await fetch(`${this.http}/api/${path}`, {
      method,
      headers: { authorization: `Basic ${btoa(this.login)}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await r.text()
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  async exists(path: string): Promise<boolean> {
    return await this.api('GET', path).then(
      () => true,
      () => false,
    )
  }

  async channel(vhost = '/'): Promise<amqp.ConfirmChannel> {
    const client = await amqp.connect(`${this.url}/${encodeURIComponent(vhost)}`)
    client.on('error', () => {})
    onTestFinished(() => client.close().catch(() => {}))
    const ch = await client.createConfirmChannel()
    ch.on('error', () => {})
    return ch
  }

  /** Ready messages at this moment. */
  async ready(queue: string, vhost = '/'): Promise<number> {
    const client = await amqp.connect(`${this.url}/${encodeURIComponent(vhost)}`)
    try {
      return (await (await client.createChannel()).checkQueue(queue)).messageCount
    } finally {
      await client.close()
    }
  }

  /** All that there is, without the copies of what was moved twice. */
  async texts(queue: string, count: number, vhost = '/'): Promise<string[]> {
    return (await this.take(queue, count, vhost)).map((m) => m.content.toString())
  }

  /** Messages with their properties; from a stream those that there are. */
  async take(queue: string, count: number, vhost = '/', offset?: string): Promise<amqp.ConsumeMessage[]> {
    const ch = await this.channel(vhost)
    await ch.prefetch(1000)
    const found = new Map<string, amqp.ConsumeMessage>()
    const args = offset === undefined ? {} : { arguments: { 'x-stream-offset': offset } }
    const { consumerTag } = await ch.consume(
      queue,
      (m) => {
        if (m === null) return
        const key = offset === undefined ? m.content.toString() : String(found.size)
        if (!found.has(key)) found.set(key, m)
        ch.ack(m)
      },
      args,
    )
    for (let n = Math.min(count, 1000); ; n = Math.min(count, n + 1000)) {
      await until(() => found.size >= n, `${n} of ${count} messages of ${queue}`)
      if (n === count) break
    }
    await ch.cancel(consumerTag)
    return [...found.values()]
  }
}

export async function send(ch: amqp.ConfirmChannel, queue: string, count: number, from = 0): Promise<void> {
  for (let i = from; i < from + count; i++) {
    if (!ch.sendToQueue(queue, Buffer.from(String(i)), { persistent: true }))
      await new Promise((resolve) => ch.once('drain', resolve))
  }
  await ch.waitForConfirms()
}

export const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

/** A Leveret as a process, which can be killed and started again on the same folder. */
export class OwnProcess {
  readonly dir = mkdtempSync(join(tmpdir(), 'leveret-migrate-'))
  private process: BrokerProcess | undefined
  side!: Side

  async start(): Promise<Side> {
    const p = await startProcess(this.dir, 0, ['--management-port', '0'])
    this.process = p
    this.side = new Side(`amqp://guest:guest@127.0.0.1:${p.port}`, `http://127.0.0.1:${p.managementPort}`)
    return this.side
  }

  async kill(): Promise<void> {
    await this.process?.stop('SIGKILL')
  }

  async close(): Promise<void> {
    await this.process?.stop('SIGTERM')
    rmSync(this.dir, { recursive: true, force: true })
  }

  migrate(...args: string[]): Promise<Finished> {
    return runCli(['migrate', ...args, '--data-dir', this.dir])
  }

  /** The command as a process that can be killed. */
  migration(...args: string[]): { child: ChildProcess; ended: Promise<number | null>; text: () => string } {
    const child = startChild(
      process.execPath,
      ['bin/leveret.js', 'migrate', ...args, '--data-dir', this.dir],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (b) => {
        text += b
      })
    return { child, ended: new Promise((resolve) => child.once('close', resolve)), text: () => text }
  }
}

/** What a move leaves in no broker. */
export async function leftovers(...sides: Side[]): Promise<string[]> {
  const found: string[] = []
  for (const s of sides) {
    for (const x of await s.api<{ name: string }[]>('GET', 'exchanges'))
      if (x.name.startsWith('leveret.')) found.push(x.name)
    for (const p of await s.api<{ component: string; name: string }[]>('GET', 'parameters'))
      if (p.component === 'shovel') found.push(p.name)
  }
  return found
}
