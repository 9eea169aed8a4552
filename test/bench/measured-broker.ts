/** Leveret as a process of its own that says how long its event loop stood still, with the HTTP API and the metrics. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SAMPLE_MS = 20
/** What an operation leaves for later belongs to it. */
const QUIET_MS = 400

export interface Measured {
  readonly ms: number
  /** The longest time in which nobody else was served, and how much of such a time this process was at work at most. */
  readonly stallMs: number
  readonly busyMs: number
  /** Resident octets without mapped files, such as the store's: at most meanwhile, and afterwards. */
  readonly peakBytes: number
  readonly bytes: number
}

export interface Ports {
  readonly amqp: number
  readonly http: number
  readonly metrics: number
}

export class MeasuredBroker {
  readonly ports: Ports
  private readonly dir = mkdtempSync(join(tmpdir(), 'leveret-scale-'))
  private child: ChildProcess | undefined

  constructor(ports: Ports) {
    this.ports = ports
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.ports.amqp}`
  }

  /** Resolves with the ms until it serves. */
  async start(): Promise<number> {
    const { amqp, http, metrics } = this.ports
    const probe = new URL('./stall-probe.js', import.meta.url).href
    const options = {
      port: amqp,
      'management-port': http,
      'metrics-port': metrics,
      bind: '127.0.0.1',
      'data-dir': this.dir,
      'log-level': 'error',
    }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
    const began = performance.now()
    const child = spawn(process.execPath, ['--import', probe, 'bin/leveret.js', 'start', ...args], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.child = child
    while (!(await this.answers())) {
      if (child.exitCode !== null) throw new Error(`the broker ended with ${child.exitCode}`)
      await pause(5)
    }
    return performance.now() - began
  }

  /** Whether clients can connect to all ports. */
  private async answers(): Promise<boolean> {
    const all = await Promise.all(Object.values(this.ports).map(isOpen))
    return all.every((open) => open)
  }

  async stop(): Promise<void> {
    const { child } = this
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }

  /** Resident octets without mapped files. */
  get bytes(): number {
    const status = readFileSync(`/proc/${this.child?.pid}/status`, 'utf8')
    return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  }

  /** Since it was asked last. */
  private longestStall(): Promise<Pick<Measured, 'stallMs' | 'busyMs'>> {
    return new Promise((resolve) => {
      this.child?.once('message', resolve as (m: unknown) => void)
      this.child?.send('tell')
    })
  }

  /** @param before part of the operation that does not count for its time */
  async measure(action: () => Promise<unknown>, before = async (): Promise<void> => {}): Promise<Measured> {
    await this.longestStall()
    let peakBytes = this.bytes
    const timer = setInterval(() => {
      peakBytes = Math.max(peakBytes, this.bytes)
    }, SAMPLE_MS)
    await before()
    const began = performance.now()
    await action()
    const ms = performance.now() - began
    await pause(QUIET_MS)
    const stall = await this.longestStall()
    clearInterval(timer)
    return { ms, ...stall, peakBytes, bytes: this.bytes }
  }

  /** An answer over HTTP is read and thrown away. @throws Error for one that is not 2xx, unless it is `accepted` */
  async http(method: string, path: string, body?: unknown, accepted = 0): Promise<number> {
    const isText = typeof body === 'string'
    const response = await fetch(`http://127.0.0.1:${this.ports.http}/api/${path}`, {
      method,
      headers: { authorization: `Basic ${btoa('guest:guest')}` },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    })
    if (!response.ok && response.status !== accepted)
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return await drained(response)
  }

  async scrape(path: string): Promise<number> {
    return await drained(await fetch(`http://127.0.0.1:${this.ports.metrics}${path}`))
  }
}

/** Octets of the body. */
async function drained(response: Response): Promise<number> {
  let bytes = 0
  if (response.body !== null) for await (const chunk of response.body) bytes += (chunk as Uint8Array).length
  return bytes
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).finally(() => socket.destroy())
}
