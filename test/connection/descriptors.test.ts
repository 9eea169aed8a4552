/** A broker that has few file descriptors, in a process of its own. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { startChild } from '../support/children.ts'
import { runCli } from '../support/process.ts'
import { CH, confirmed, confirmSelect, declareQueue } from '../support/session.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const LIMIT = 64

interface Small {
  readonly url: string
  readonly amqp: number
  readonly http: number
  readonly metrics: number
  readonly dir: string
  readonly log: { msg: string }[]
  readonly exit: { code: number | string | undefined }
  open(): number
  /** Calls of read(2) so far. */
  reads(): number
}

async function start(management = true): Promise<Small> {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-few-'))
  const port = management ? '0' : 'none'
  const args = `start --port 0 --management-port ${port} --metrics-port ${port} --bind 127.0.0.1 --data-dir ${dir}`
  const child = startChild(
    'sh',
    ['-c', `ulimit -n ${LIMIT}; exec ${process.execPath} bin/leveret.js ${args}`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const exit: Small['exit'] = { code: undefined }
  const ended = new Promise<void>((resolve) =>
    child.once('exit', (code, signal) => {
      exit.code = code ?? signal ?? -1
      resolve()
    }),
  )
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await ended
    rmSync(dir, { recursive: true })
  })
  const log: (Small['log'][0] & { port?: number; managementPort?: number; metricsPort?: number })[] = []
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
    log.push(JSON.parse(line)),
  )
  await until(() => log.some((l) => l.port !== undefined) || exit.code !== undefined, 'the broker to start')
  const { port: amqp = 0, managementPort: http = 0, metricsPort: metrics = 0 } = log.at(-1) ?? {}
  const url = `amqp://guest:guest@127.0.0.1:${amqp}`
  const reads = (): number => Number(/syscr: (\d+)/.exec(readFileSync(`/proc/${child.pid}/io`, 'utf8'))?.[1])
  return {
    url,
    amqp,
    http,
    metrics,
    dir,
    log,
    exit,
    open: () => readdirSync(`/proc/${child.pid}/fd`).length,
    reads,
  }
}

/** Whether the broker has accepted all connections: the system lists how many of a listener wait for it. */
function hasAccepted(port: number): boolean {
  const listening = '0A'
  const address = `:${port.toString(16).padStart(4, '0').toUpperCase()}`
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const row = rows.map((r) => r.trim().split(/ +/)).find((r) => r[1]?.endsWith(address) && r[3] === listening)
  return row?.[4]?.endsWith(':00000000') === true
}

/** Connections that say nothing, and that the broker has accepted; they end with the test. */
async function idle(port: number, count: number): Promise<Socket[]> {
  const one = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket))
      socket.on('error', () => resolve(socket))
      onTestFinished(() => void socket.destroy())
    })
  const all = await Promise.all(Array.from({ length: count }, one))
  await until(() => hasAccepted(port), 'the connections to be accepted')
  return all
}

async function publishes(w: Wire, first: number): Promise<void> {
  for (let i = first; i < first + 5; i++) {
    w.publish(CH, { routingKey: 'q', body: 'x', properties: { deliveryMode: 2 } })
    await confirmed(w, i, i)
  }
}

async function publisher(url: string): Promise<Wire> {
  const w = await Wire.open(url)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  await declareQueue(w, { queue: 'q', durable: true, exclusive: false })
  await confirmSelect(w)
  return w
}

const get = (port: number, path: string): Promise<number> =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { authorization: `Basic ${btoa('guest:guest')}`, connection: 'close' },
  }).then(async (r) => {
    await r.text()
    return r.status
  })

/** What the alarms' timer reads shows in what the system counts: it has been there several times. */
async function severalChecks(b: Small): Promise<void> {
  let [rises, last] = [0, b.reads()]
  await until(() => {
    if (b.exit.code !== undefined) return true
    const reads = b.reads()
    if (reads > last) rises++
    last = reads
    return rises >= 4
  }, 'the alarms to be checked')
  expect(b.exit.code).toBeUndefined()
}

describe.skipIf(process.platform !== 'linux')('with few file descriptors', { timeout: 60_000 }, () => {
  it.each(['amqp', 'http', 'metrics'] as const)(
    'idle connections to %s take only some of them',
    async (port) => {
      const b = await start()
      const w = await publisher(b.url)
      await publishes(w, 1)
      const sockets = await idle(b[port], 80)
      await severalChecks(b)
      expect(b.open()).toBeLessThanOrEqual(LIMIT - 10)
      await publishes(w, 6)
      // Others get in: what has not logged in makes room.
      const second = await Wire.open(b.url)
      await second.close()
      expect([await get(b.http, '/api/overview'), await get(b.metrics, '/metrics')]).toEqual([200, 200])
      const said = b.log.filter((l) => l.msg.startsWith('no file descriptors to spare'))
      expect(said.length).toBeGreaterThan(0)
      expect(said.length).toBeLessThan(4)
      for (const s of sockets) s.destroy()
      await until(() => b.open() < 50, 'its sockets to go')
      await publishes(w, 11)
    },
  )

  it('clients that have logged in keep their connections, and further ones are turned away', async () => {
    const b = await start()
    const clients: Wire[] = []
    let refused = 0
    for (let i = 0; i < 40; i++)
      await Wire.open(b.url).then(
        (w) => clients.push(w),
        () => refused++,
      )
    onTestFinished(() => {
      for (const c of clients) c.socket.destroy()
    })
    expect([clients.length > 5, refused > 5]).toEqual([true, true])
    await severalChecks(b)
    for (const c of clients) await c.channel(CH)
    const { code, stdout } = await runCli(['ctl', '--data-dir', b.dir, 'list_vhosts'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('/')])
    for (const c of clients.splice(0)) c.socket.destroy()
    await until(() =>
      Wire.open(b.url).then(
        (w) => w.close().then(() => true),
        () => false,
      ),
    )
    expect(b.exit.code).toBeUndefined()
  })

  it('the first command over the control socket finds its modules', async () => {
    const b = await start(false)
    const clients: Wire[] = []
    for (let i = 0; i < 40; i++)
      await Wire.open(b.url)
        .then((w) => clients.push(w))
        .catch(() => {})
    onTestFinished(() => {
      for (const c of clients) c.socket.destroy()
    })
    const { code, stdout } = await runCli(['ctl', '--data-dir', b.dir, 'list_vhosts'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('/')])
    expect(existsSync(join(b.dir, 'control.sock'))).toBe(true)
  })

  it('the store maps its file anew all the same', async () => {
    const b = await start()
    const w = await publisher(b.url)
    await idle(b.amqp, 80)
    // More than the store reads before it does so, and more than stays in memory.
    const body = 'x'.repeat(1_000_000)
    for (let i = 1; i <= 56; i++) w.publish(CH, { routingKey: 'q', body, properties: { deliveryMode: 2 } })
    await confirmed(w, 56)
    for (let i = 0; i < 56; i++) {
      const got = await w.call(CH, MethodId.BasicGet, { queue: 'q', noAck: true }, MethodId.BasicGetOk)
      expect(got.messageCount).toBe(55 - i)
    }
    expect(b.exit.code).toBeUndefined()
  })
})
