/** Starts a RabbitMQ of its own for the conformance tests: own node name, ports and folders. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RABBITMQ_SERVER, rabbitEnvironment } from './rabbitmq.ts'

const PORT = Number(process.env['LEVERET_ORACLE_PORT'] ?? 5697)
/** Exchange types that Leveret has built in. */
const HTTP_PORT = PORT + 10_000
const PLUGINS = [
  'rabbitmq_management',
  'rabbitmq_consistent_hash_exchange',
  'rabbitmq_random_exchange',
  'rabbitmq_recent_history_exchange',
  'rabbitmq_sharding',
]
const START_MS_MAX = 60_000

export default async function setup(): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-oracle-'))
  writeFileSync(join(dir, 'plugins'), `[${PLUGINS.join(',')}].`)
  // The name of RABBITMQ_CONFIG_FILE without its extension.
  writeFileSync(
    join(dir, 'none.conf'),
    `management.tcp.port = ${HTTP_PORT}\ncollect_statistics_interval = 500\n`,
  )
  const env = rabbitEnvironment(dir, `leveret-oracle-${process.pid}`, PORT)
  const node = spawn(RABBITMQ_SERVER, [], { stdio: 'ignore', env })
  const stop = async (): Promise<void> => {
    if (node.exitCode === null && node.signalCode === null) {
      const gone = new Promise((resolve) => node.once('exit', resolve))
      node.kill('SIGTERM')
      await gone
    }
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    for (const port of [PORT, HTTP_PORT]) await listening(node, port)
  } catch (error) {
    await stop()
    throw error
  }
  process.env['LEVERET_TEST_HTTP'] = `http://127.0.0.1:${HTTP_PORT}`
  process.env['LEVERET_TEST_URL'] = `amqp://guest:guest@127.0.0.1:${PORT}`
  return stop
}

async function listening(node: ChildProcess, port: number): Promise<void> {
  const until = Date.now() + START_MS_MAX
  while (Date.now() < until) {
    if (node.exitCode !== null) throw new Error(`rabbitmq-server ended with ${node.exitCode}`)
    if (await accepts(port)) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error('rabbitmq-server does not listen')
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
