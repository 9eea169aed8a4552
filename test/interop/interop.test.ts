/** Clients of other languages against a broker process that restarts between their publishing and their consuming. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startChild } from '../support/children.ts'
import { type BrokerProcess, startProcess } from '../support/process.ts'

const here = import.meta.dirname
const dir = mkdtempSync(join(tmpdir(), 'leveret-interop-'))
let broker: BrokerProcess

beforeAll(async () => {
  broker = await startProcess(join(dir, 'data'))
})
afterAll(async () => {
  await broker.stop('SIGTERM')
  rmSync(dir, { recursive: true, force: true })
})

async function restart(): Promise<void> {
  expect(await broker.stop('SIGTERM')).toBe(0)
  broker = await startProcess(join(dir, 'data'), broker.port)
}

/** A client program; what it prints is shown only when it fails. */
class Program {
  readonly child: ChildProcess
  readonly ended: Promise<number | string>
  output = ''

  constructor(command: string, args: string[], env: Record<string, string> = {}) {
    this.child = startChild(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: here,
      env: { ...process.env, ...env },
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (b) => {
        this.output += b
      })
    }
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code, signal) => resolve(code ?? signal ?? -1))
    })
  }
}

async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const program = new Program(command, args, env)
  const code = await program.ended
  expect(code, `${command} ${args.join(' ')}:\n${program.output}`).toBe(0)
}

const JARS = ['amqp-client', 'slf4j-api', 'slf4j-nop'].map((j) => `/usr/share/java/${j}.jar`).join(':')
const goEnv = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOCACHE: join(dir, 'go-cache'), GOFLAGS: '' }

const dataEnv = { DATA_DIR: join(dir, 'data') }
const program = join(dir, 'client')

describe.each<[string, string, string[], Record<string, string>?]>([
  ['pika', '/usr/bin/python3', ['client.py']],
  ['kombu', '/usr/bin/python3', ['kombu_client.py']],
  ['bunny', 'ruby', ['client.rb']],
  ['php-amqplib', 'php', ['client.php']],
  ['amqp091-go', 'go', ['run', 'client.go'], goEnv],
  ['the Java client', 'java', ['-cp', JARS, 'Client.java']],
  [
    'librabbitmq',
    'sh',
    ['-c', `gcc -O1 client.c -lrabbitmq -o ${program} && exec ${program} "$@"`, 'client'],
  ],
  ["librabbitmq's amqp-tools", 'sh', ['tools.sh'], dataEnv],
])('%s', (name, command, args, env) => {
  it('publishes, and after a restart consumes', async () => {
    const queue = `interop-${name.replaceAll(/\W/g, '')}`
    await run(command, [...args, 'publish', String(broker.port), queue], env)
    await restart()
    await run(command, [...args, 'consume', String(broker.port), queue], env)
  })
})

describe("RabbitMQ's tutorials", () => {
  it.each<[string, string, string[], Record<string, string>?]>([
    ['pika', '/usr/bin/python3', ['tutorials.py']],
    ['amqplib', process.execPath, ['tutorials.js']],
    ['amqp091-go', 'go', ['run', 'tutorials.go'], goEnv],
    ['bunny', 'ruby', ['tutorials.rb']],
    ['php-amqplib', 'php', ['tutorials.php']],
    ['the Java client', 'java', ['-cp', JARS, 'Tutorials.java']],
  ])('work with %s', async (name, command, args, env) => {
    const at = args.length - 1
    const files = args.with(at, join('tutorials', args[at] as string))
    await run(command, [...files, String(broker.port), `${name.replaceAll(/\W/g, '')}-`], env)
  })
})

describe("amqp091-go's own tests", () => {
  it('pass', async () => {
    const url = `amqp://guest:guest@127.0.0.1:${broker.port}/`
    const pattern = 'Integration|Example|Repro|Exchange|Queue|Confirm|Publish|Connection|Channel'
    const tests = [
      'test',
      '-count=1',
      '-tags',
      'integration',
      '-run',
      pattern,
      'github.com/rabbitmq/amqp091-go',
    ]
    await run('go', tests, { ...goEnv, AMQP_URL: url })
  })
})

describe('Celery', () => {
  it('runs tasks with results and retries, and again after a restart', async () => {
    const env = {
      BROKER_URL: `amqp://guest:guest@127.0.0.1:${broker.port}//`,
      QUEUE: 'interop-celery',
      PYTHONDONTWRITEBYTECODE: '1',
    }
    const args = ['-m', 'celery', '-A', 'celery_app', 'worker', '--pool', 'solo']
    const worker = new Program('/usr/bin/python3', [...args, '--loglevel', 'info', '--without-gossip'], env)
    try {
      await run('/usr/bin/python3', ['celery_app.py'], env)
      await restart()
      await run('/usr/bin/python3', ['celery_app.py'], env)
    } catch (error) {
      throw new Error(`the worker's log:\n${worker.output}`, { cause: error })
    } finally {
      worker.child.kill('SIGTERM')
      await worker.ended
    }
  })
})

describe("RabbitMQ's rabbitmqadmin", () => {
  it('declares, binds, publishes, takes, lists and moves definitions', async () => {
    const own = await startProcess(join(dir, 'admin'), 0, ['--management-port', '0'])
    const file = join(dir, 'definitions.json')
    const admin = async (...args: string[]): Promise<string> => {
      const program = new Program('rabbitmqadmin', ['-P', String(own.managementPort), ...args])
      expect([args, await program.ended, program.output]).toEqual([args, 0, expect.any(String)])
      return program.output
    }
    await admin('declare', 'exchange', 'name=events', 'type=topic')
    await admin('declare', 'queue', 'name=jobs', 'durable=true', 'arguments={"x-max-length":10}')
    await admin('declare', 'binding', 'source=events', 'destination=jobs', 'routing_key=job.#')
    await admin('declare', 'policy', 'name=p', 'pattern=^jobs$', 'definition={"message-ttl":60000}')
    await admin('declare', 'user', 'name=bob', 'password=secret', 'tags=management')
    await admin('declare', 'permission', 'vhost=/', 'user=bob', 'configure=.*', 'write=.*', 'read=.*')
    expect(await admin('publish', 'exchange=events', 'routing_key=job.1', 'payload=hello')).toContain(
      'published',
    )
    expect(await admin('list', 'queues', 'name', 'messages', 'policy')).toMatch(/jobs +\| 1 +\| p/)
    expect(await admin('get', 'queue=jobs', 'ackmode=ack_requeue_false')).toContain('hello')
    await admin('export', file)
    await admin('delete', 'queue', 'name=jobs')
    await admin('import', file)
    expect(await admin('list', 'bindings')).toMatch(/events +\| jobs +\| job\.#/)
    for (const what of [
      'connections',
      'channels',
      'consumers',
      'exchanges',
      'nodes',
      'permissions',
      'policies',
      'users',
      'vhosts',
    ])
      await admin('list', what)
    await admin('show', 'overview')
    await own.stop('SIGTERM')
  })
})
