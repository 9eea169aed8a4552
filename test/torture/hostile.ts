/**
 * Hostile input for a broker that runs as a process of its own: mutated sessions of AMQP and requests of HTTP on each port.
 * The process lives on and logs no failure of its own, its memory stays bounded, and a bystander is served all the while.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requests } from '../../src/management/schemas/requests.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { type FuzzCall, fuzzCalls } from '../management/hostile.ts'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import { Wire } from '../support/wire.ts'
import { hostileRequest, hostileSession, type Login } from './hostile-input.ts'
import { type Random, randomOf } from './random.ts'
import { endOf, failuresIn } from './vitals.ts'

export interface HostileOptions {
  readonly inputs: number
  readonly seed: number
  readonly say?: (line: string) => void
}

const login: Login = { user: 'hostile', password: 'h', vhost: 'hostile' }
/** Connections at a time. */
const AT_ONCE = 16
/** ms without an octet after which a connection is over. */
const QUIET_MS = 30
const OWN_BYTES_MAX = 700 * 1024 * 1024
/** Of the rights that an administrator has, what ends the test is left out. */
const skipped = /shutdown|stop_app|\/limits$|log\/level/

type Port = 'port' | 'managementPort' | 'metricsPort'

export async function hostileInputs({ inputs, seed, say = () => {} }: HostileOptions): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-hostile-'))
  const more = ['--management-port', '0', '--metrics-port', '0']
  const broker = await startProcess(join(dir, 'data'), 0, more)
  try {
    const problems = await attack(broker, { inputs, seed, say })
    return [...problems, ...(await endOf(broker))]
  } finally {
    await broker.stop('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
}

async function attack(broker: BrokerProcess, o: Required<HostileOptions>): Promise<string[]> {
  const calls = await prepare(broker.managementPort as number)
  const bystander = await Bystander.of(broker.url)
  const random = randomOf(o.seed)
  const problems: string[] = []
  let [sent, gone] = [0, false]
  void broker.ended.then(() => {
    gone = true
  })
  const worker = async (): Promise<void> => {
    while (sent < o.inputs && !gone) {
      if (++sent % 10_000 === 0) o.say(`${sent} inputs, ${Math.round(broker.ownBytes() / 1e6)} MB`)
      const { port, octets } = inputOf(random, calls)
      await say(broker[port] as number, octets, random)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  if (gone) return [`the broker has ended: ${await broker.ended}`, ...broker.lines.slice(-3)]
  problems.push(...(await bystander.end()))
  const bytes = broker.ownBytes()
  if (bytes > OWN_BYTES_MAX) problems.push(`the broker has ${bytes} octets of memory`)
  return [...problems, ...failuresIn(broker).slice(0, 20)]
}

function inputOf(random: Random, calls: readonly FuzzCall[]): { port: Port; octets: Buffer } {
  const kind = random(10)
  if (kind < 5) return { port: 'port', octets: hostileSession(random, login) }
  if (kind < 9) {
    const call = calls[random(calls.length)] as FuzzCall
    return { port: 'managementPort', octets: hostileRequest(random, call, login) }
  }
  const queries = ['', '?family=queue_metrics', '?vhost=%ff&name=(((', '?name=.*&family=x', '?name=%00']
  const paths = ['/metrics', '/metrics/per-object', '/metrics/detailed', '/', '//', '/metrics/%zz']
  const path = `${paths[random(paths.length)]}${queries[random(queries.length)]}`
  const call = { method: random(5) === 0 ? 'POST' : 'GET', path, body: undefined }
  return { port: 'metricsPort', octets: hostileRequest(random, call, login) }
}

/** Sends it in one piece or in several, and lets it be when nothing comes any more. */
function say(port: number, octets: Buffer, random: Random): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (): void => void socket.destroy()
    socket.setTimeout(10_000, end)
    const cut = random(3) === 0 ? random(octets.length + 1) : octets.length
    const resets = random(20) === 0
    socket.on('connect', () => {
      socket.write(octets.subarray(0, cut), () => {
        if (cut < octets.length) setImmediate(() => void socket.write(octets.subarray(cut)))
        if (resets) socket.resetAndDestroy()
        else socket.setTimeout(QUIET_MS)
      })
    })
    socket.resume().on('error', () => {})
    socket.on('close', () => resolve())
  })
}

/** The vhost and the user, and what the description of the API has to offer. */
async function prepare(port: number): Promise<readonly FuzzCall[]> {
  const ask = async (method: string, path: string, body?: object): Promise<Response> => {
    const headers = { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' }
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const answer = await fetch(`http://127.0.0.1:${port}/api/${path}`, { method, headers, ...content })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`)
    return answer
  }
  const { user, password, vhost } = login
  await ask('PUT', `vhosts/${vhost}`)
  await ask('PUT', `users/${user}`, { password, tags: 'policymaker,monitoring' })
  await ask('PUT', `permissions/${vhost}/${user}`, { configure: '.*', write: '.*', read: '.*' })
  const { paths } = (await (await ask('GET', 'openapi.json')).json()) as { paths: never }
  return fuzzCalls(paths, requests)
    .filter((c) => !skipped.test(c.path))
    .map((c) => ({ ...c, path: c.path.replace('%2F', vhost) }))
}

/** Publishes, waits for the confirm and takes it again, one message after the other. */
class Bystander {
  private readonly w: Wire
  private over = false
  private done = 0
  private readonly problems: string[] = []
  private running: Promise<void> = Promise.resolve()

  private constructor(w: Wire) {
    this.w = w
  }

  static async of(url: string): Promise<Bystander> {
    const w = await Wire.open(url)
    await w.channel(1)
    await w.call(1, MethodId.QueueDeclare, { queue: 'bystander', durable: true }, MethodId.QueueDeclareOk)
    await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
    const b = new Bystander(w)
    b.running = b.run().catch((error: Error) => void b.problems.push(`the bystander: ${error.message}`))
    return b
  }

  private async run(): Promise<void> {
    while (!this.over) {
      const body = String(++this.done)
      this.w.publish(1, { routingKey: 'bystander', body, properties: { deliveryMode: 2 } })
      await this.w.expect(1, MethodId.BasicAck)
      this.w.send(1, MethodId.BasicGet, { queue: 'bystander', noAck: true })
      const got = await this.w.receive(1, MethodId.BasicGetOk)
      if (String(got.body) !== body) throw new Error(`message ${String(got.body)} in place of ${body}`)
    }
  }

  async end(): Promise<string[]> {
    this.over = true
    await this.running
    await this.w.close().catch(() => this.w.socket.destroy())
    return this.done > 1 ? this.problems : [...this.problems, 'the bystander was never served']
  }
}
