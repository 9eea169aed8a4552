/** Starts a RabbitMQ of its own for the conformance tests: own node name, ports and folders. */
import { type ChildProcess, execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startChild } from './children.ts'
import { accepts } from './port.ts'
import { RABBITMQ_SERVER, RABBITMQCTL, rabbitEnvironment } from './rabbitmq.ts'
import { cameTrue } from './until.ts'

const PORT = Number(process.env['LEVERET_ORACLE_PORT'] ?? 5697)
/** With the exchange types that Leveret has built in. */
const PLUGINS = [
  'rabbitmq_management',
  'rabbitmq_consistent_hash_exchange',
  'rabbitmq_random_exchange',
  'rabbitmq_recent_history_exchange',
  'rabbitmq_sharding',
]
const START_MS_MAX = 180_000

/** A RabbitMQ that runs, with its management plugin. */
export interface Oracle {
  readonly url: string
  readonly http: string
  stop(): Promise<void>
  /** Writes the definitions to disk: RabbitMQ confirms them up to seconds before it does so itself. */
  sync(): Promise<void>
  /** Ends it as a power failure does. */
  kill(): Promise<void>
  /** Starts it again with what it has on disk. */
  restart(): Promise<void>
}

export default async function setup(): Promise<() => Promise<void>> {
  const oracle = await startOracle(PORT)
  process.env['LEVERET_TEST_HTTP'] = oracle.http
  process.env['LEVERET_TEST_URL'] = oracle.url
  return () => oracle.stop()
}

/** @param port of AMQP; the HTTP API is 10,000 above it */
export async function startOracle(port: number, morePlugins: readonly string[] = []): Promise<Oracle> {
  const httpPort = port + 10_000
  const dir = mkdtempSync(join(tmpdir(), 'leveret-oracle-'))
  writeFileSync(join(dir, 'plugins'), `[${[...PLUGINS, ...morePlugins].join(',')}].`)
  // The name of RABBITMQ_CONFIG_FILE without its extension.
  writeFileSync(
    join(dir, 'none.conf'),
    `management.tcp.port = ${httpPort}\ncollect_statistics_interval = 500\n`,
  )
  const env = rabbitEnvironment(dir, `leveret-oracle-${process.pid}-${port}`, port)
  let node = startChild(RABBITMQ_SERVER, [], { stdio: 'ignore', env })
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (node.exitCode !== null || node.signalCode !== null) return
    const gone = new Promise((resolve) => node.once('exit', resolve))
    node.kill(signal)
    await gone
  }
  const answering = async (): Promise<void> => {
    for (const p of [port, httpPort]) await listening(node, p)
  }
  const stop = async (): Promise<void> => {
    await end('SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await answering()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    http: `http://127.0.0.1:${httpPort}`,
    stop,
    async sync() {
      const args = ['eval', 'ok = mnesia:sync_log().']
      await promisify(execFile)(RABBITMQCTL, args, { env: env as NodeJS.ProcessEnv })
    },
    async kill() {
      // The server is a child of the script that has started it, which ends behind it.
      const gone = new Promise((resolve) => node.once('exit', resolve))
      for (const pid of childrenOf(node.pid ?? 0)) process.kill(pid, 'SIGKILL')
      await gone
    },
    async restart() {
      node = startChild(RABBITMQ_SERVER, [], { stdio: 'ignore', env })
      await answering()
    },
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  if (text === '') throw new Error('rabbitmq-server has no child to kill')
  return text.split(' ').map(Number)
}

async function listening(node: ChildProcess, port: number): Promise<void> {
  const answers = async (): Promise<boolean> => {
    if (node.exitCode !== null) throw new Error(`rabbitmq-server ended with ${node.exitCode}`)
    return await accepts(port)
  }
  if (!(await cameTrue(answers, START_MS_MAX, 200))) throw new Error('rabbitmq-server does not listen')
}
