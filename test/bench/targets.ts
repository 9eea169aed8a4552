/** The brokers that are measured: Leveret as its own process, Debian's RabbitMQ, and any AMQP URL. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RABBITMQ_SERVER, rabbitEnvironment } from '../support/rabbitmq.ts'

export interface Target {
  readonly name: string
  readonly url: string
  /** undefined where the broker's process is not known. */
  readonly pid: number | undefined
  readonly startMs: number | undefined
  stop(): Promise<void>
  /** Ends it and starts it on the same data; resolves with the ms from the start to the first accepted connection. */
  restart?(): Promise<number>
}

const TICKS_PER_SECOND = 100

/** CPU seconds of the process so far. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident octets of the process. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const s = connect(port, '127.0.0.1')
    s.once('connect', () => {
      s.destroy()
      resolve(true)
    })
    s.once('error', () => resolve(false))
  })
}

async function untilAccepts(port: number, child: ChildProcess): Promise<void> {
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`the broker ended with ${child.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function launch(
  name: string,
  command: string,
  args: string[],
  port: number,
  env = {},
): Promise<Target> {
  const began = performance.now()
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  await untilAccepts(port, child)
  const startMs = performance.now() - began
  const pid = child.pid === undefined ? undefined : name === 'RabbitMQ' ? beamOf(port) : child.pid
  return {
    name,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    pid,
    startMs,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** The Erlang machine among the children of rabbitmq-server's shell: the one that listens. */
function beamOf(port: number): number | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const tcp = ['tcp', 'tcp6'].map((f) => readFileSync(`/proc/net/${f}`, 'utf8')).join('\n')
  const line = tcp.split('\n').find((l) => l.includes(`:${hex} `) && l.includes(' 0A '))
  const inode = line?.trim().split(/\s+/)[9]
  const { stdout } = spawnSyncText(
    `ls -l /proc/[0-9]*/fd 2>/dev/null | awk '/^\\/proc/{p=$1} /socket:\\[${inode}\\]/{print p}'`,
  )
  const pid = /\/proc\/(\d+)/.exec(stdout)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

function spawnSyncText(script: string): { stdout: string } {
  return { stdout: spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout }
}

export async function startLeveret(port: number): Promise<Target> {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-bench-'))
  const args = [
    'bin/leveret.js',
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--data-dir',
    dir,
    '--management-port',
    'none',
    '--metrics-port',
    'none',
  ]
  const start = (): Promise<Target> =>
    launch('Leveret', process.execPath, [...args, '--log-level', 'warn'], port)
  let running = await start()
  return {
    ...running,
    get pid() {
      return running.pid
    },
    async restart() {
      await running.stop()
      running = await start()
      return running.startMs as number
    },
    async stop() {
      await running.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export async function startRabbit(port: number): Promise<Target> {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-bench-rabbit-'))
  const env = rabbitEnvironment(dir, `leveret-bench-${process.pid}`, port)
  const running = await launch('RabbitMQ', RABBITMQ_SERVER, [], port, env)
  return {
    ...running,
    async stop() {
      await running.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A peer that runs already; `#pid=123` behind the URL lets CPU and memory be measured. */
export function givenPeer(peer: string): Target {
  const u = new URL(peer)
  const pid = /pid=(\d+)/.exec(u.hash)?.[1]
  u.hash = ''
  return {
    name: u.host,
    url: u.href,
    pid: pid === undefined ? undefined : Number(pid),
    startMs: undefined,
    stop: async () => {},
  }
}
