/** The brokers that are measured: Leveret as its own process, Debian's RabbitMQ, and any AMQP URL. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accepts } from '../support/port.ts'
import { RABBITMQ_SERVER, rabbitEnvironment } from '../support/rabbitmq.ts'

export interface Target {
  readonly name: string
  readonly url: string
  /** undefined where the broker's process is not known. */
  readonly pid: number | undefined
  readonly startMs: number | undefined
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Ends it and starts it on the same data; resolves with the ms from the start to the first accepted connection. */
  restart?(signal: 'SIGTERM' | 'SIGKILL'): Promise<number>
}

const TICKS_PER_SECOND = 100

/** What the system says about the process; nothing once that has ended. */
function about(pid: number, what: 'stat' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8')
  } catch {
    return ''
  }
}

/** CPU seconds of the process so far. */
export function cpuSeconds(pid: number): number {
  const stat = about(pid, 'stat')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND
}

/** Of the resident octets of the process, those that no file backs. */
export function anonymousBytes(pid: number): number {
  return Number(/RssAnon:\s+(\d+)/.exec(about(pid, 'status'))?.[1] ?? 0) * 1024
}

/** Resident octets of the process. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(about(pid, 'status'))?.[1] ?? 0) * 1024
}

async function untilAccepts(port: number, child: ChildProcess): Promise<void> {
  while (!(await accepts(port)) || child.exitCode !== null) {
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
  const pid = child.pid === undefined ? undefined : name.startsWith('RabbitMQ') ? beamOf(port) : child.pid
  return {
    name,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    pid,
    startMs,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal)
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
    async restart(signal) {
      await running.stop(signal)
      running = await start()
      return running.startMs as number
    },
    async stop() {
      await running.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** @param root the folder of another system that has the rabbitmq-server to be measured, such as debootstrap makes; to be entered by root only */
export async function startRabbit(port: number, root = ''): Promise<Target> {
  const dir = mkdtempSync(join(root, tmpdir(), 'leveret-bench-rabbit-'))
  const own = dir.slice(root.length)
  const env = rabbitEnvironment(own, `leveret-bench-${process.pid}`, port)
  const [command, args] = root === '' ? [RABBITMQ_SERVER, []] : ['chroot', [root, RABBITMQ_SERVER]]
  const running = await launch('RabbitMQ', command, args, port, env)
  return {
    ...running,
    name: `RabbitMQ${versionIn(root)}`,
    async stop() {
      await running.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** As Debian's folders have it. */
function versionIn(root: string): string {
  const folder = readdirSync(join(root, '/usr/lib/rabbitmq/lib')).find((f) =>
    f.startsWith('rabbitmq_server-'),
  )
  return folder === undefined ? '' : ` ${folder.slice('rabbitmq_server-'.length)}`
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
