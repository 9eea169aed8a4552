/** Very many requests at once, to each HTTP port, with a login and without: what is done for them together is bounded. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { DOOR_LINES_PER_MINUTE, HTTP_PIECE_BYTES, METRICS_REPORTS_MAX } from '../../src/limits.ts'
import { parseBitByBit, restOf } from '../../src/management/http-intake.ts'
import { until } from '../support/until.ts'

let broker: RunningBroker
const warnings: string[] = []

beforeAll(async () => {
  const quiet = (): void => {}
  const logger = {
    debug: quiet,
    info: quiet,
    warn: (_fields: object, message: string) => void warnings.push(message),
    error: quiet,
  }
  broker = await createBroker({ port: 0, managementPort: 0, metricsPort: 0, logger })
})
afterAll(() => broker.close())

interface Client {
  readonly socket: Socket
  readonly text: () => string
  /** Resolves when so many answers have begun to come. */
  readonly answered: (count: number) => Promise<void>
}

function client(port: number, octets: string): Client {
  const socket = connect(port, '127.0.0.1', () => socket.write(octets))
  const parts: string[] = []
  let last = ''
  let count = 0
  socket.setEncoding('latin1').on('data', (s: string) => {
    parts.push(s)
    // One of them may be cut in two.
    const seen = last + s
    count += seen.split(ANSWER).length - 1
    last = seen.slice(-(ANSWER.length - 1))
  })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  const answered = async (wanted: number): Promise<void> => {
    while (count < wanted) await once(socket, 'data')
  }
  return { socket, text: () => parts.join(''), answered }
}

const ANSWER = 'HTTP/1.1 '

/** Requests of this process that were begun and not answered, at most. */
function watchRequests(): () => number {
  let now = 0
  let most = 0
  const begun = (): void => {
    most = Math.max(most, ++now)
  }
  const over = (): void => {
    now--
  }
  subscribe('http.server.request.start', begun)
  subscribe('http.server.response.finish', over)
  onTestFinished(() => {
    unsubscribe('http.server.request.start', begun)
    unsubscribe('http.server.response.finish', over)
  })
  return () => most
}

/** In one packet: far more than a piece of what is parsed has. */
const REQUESTS = 400

describe('hundreds of requests in one packet', () => {
  const login = `Authorization: Basic ${btoa('guest:guest')}\r\n`
  it.each([
    ['metricsPort', 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['metricsPort', 'GET /metrics/detailed?family=queue_metrics HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['managementPort', `GET /api/whoami HTTP/1.1\r\nHost: a\r\n${login}\r\n`],
    ['managementPort', 'GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['managementPort', 'POST /api/nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{ }'],
    [
      'managementPort',
      'POST /api/nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n',
    ],
  ] as const)('to the %s are answered one after the other: %s', async (which, request) => {
    const most = watchRequests()
    await client(broker[which] as number, request.repeat(REQUESTS)).answered(REQUESTS)
    expect(most()).toBeLessThanOrEqual(Math.ceil(HTTP_PIECE_BYTES / request.length) + 1)
  })

  it('with wrong logins fill no log', async () => {
    const wrong = `GET /api/whoami HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${btoa('x')}\r\n\r\n`
    const right = `GET /api/whoami HTTP/1.1\r\nHost: a\r\n${login}\r\n`
    // Each that is right ends the delay that grows with those that are wrong.
    const both = wrong + right
    const { answered } = client(broker.managementPort as number, both.repeat(DOOR_LINES_PER_MINUTE * 4))
    // The minutes are those of the clock, and one may end meanwhile.
    const minute = (): number => Math.floor(Date.now() / 60_000)
    const first = minute()
    const allowed = (): number => DOOR_LINES_PER_MINUTE * (minute() - first + 1)
    let lines = 0
    do {
      lines = allowed()
      await answered(2 * (lines + 5))
    } while (allowed() > lines)
    const logged = warnings.filter((w) => w === 'HTTP login refused').length
    expect(logged).toBeGreaterThanOrEqual(DOOR_LINES_PER_MINUTE / 2)
    expect(logged).toBeLessThanOrEqual(lines)
  })
})

describe('a connection', () => {
  async function serve(
    handler: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<number> {
    const server = createServer(handler)
    parseBitByBit(server)
    server.on('upgrade', (_request, socket: Socket, head: Buffer) => {
      socket.end(Buffer.concat([Buffer.from('rest:'), head, restOf(socket)]))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return (server.address() as AddressInfo).port
  }
  it('has its turn while others send request after request, which are as many as they like', async () => {
    const answered: string[] = []
    const port = await serve((request, response) => {
      const until = performance.now() + 25
      while (performance.now() < until);
      answered.push(request.url as string)
      response.end()
    })
    // Each as long as what the parser gets at a time, or else it would have many of them at once.
    const more = `X: ${'x'.repeat(HTTP_PIECE_BYTES)}`
    for (let i = 0; i < 10; i++)
      client(port, `GET /flood${i} HTTP/1.1\r\nHost: a\r\n${more}\r\n\r\n`.repeat(100))
    await until(() => answered.length > 0, 'the flood')
    await client(port, 'GET /other HTTP/1.1\r\nHost: a\r\n\r\n').answered(1)
    // Each of the others may have come before it once more after the connection was accepted.
    expect(answered.indexOf('/other')).toBeLessThan(40)
  })

  const post = (more: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${more}`

  it('brings bodies of any length whole, one read late among them', async () => {
    const port = await serve((request, response) => {
      const parts: Buffer[] = []
      const read = (): void => {
        request.on('data', (d: Buffer) => void parts.push(d))
        request.on('end', () => response.end(`<${Buffer.concat(parts).toString('latin1')}>`))
      }
      if (request.headers['x-late'] === undefined) read()
      else setImmediate(() => setImmediate(read))
    })
    const bodies = [0, 1, 1023, 1024, 1025, 70_000, 1_000_000].map((n, i) => String(i).repeat(n))
    const all = bodies.flatMap((body) => [
      post(`Content-Length: ${body.length}\r\n\r\n${body}`),
      post(`X-Late: 1\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
      post(
        `Transfer-Encoding: chunked\r\n\r\n${body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`,
      ),
    ])
    const { text } = client(port, all.join(''))
    const expected = bodies.flatMap((b) => [`<${b}>`, `<${b}>`, `<${b}>`])
    await until(() => text().split('>').length > expected.length, 'the answers')
    // Node sends what is long in chunks of its own.
    const got = [
      ...text()
        .replace(/\r\n[0-9a-f]+\r\n/g, '')
        .matchAll(/<[^>]*>/g),
    ].map(String)
    expect(got.map((g) => g.length)).toEqual(expected.map((e) => e.length))
    expect(got).toEqual(expected)
  })

  it('that becomes something else takes along what came with the request', async () => {
    const port = await serve((_request, response) => response.end('ok'))
    const head = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
    const rest = 'abc'.repeat(10_000)
    const { socket, text } = client(port, `GET / HTTP/1.1\r\nHost: a\r\n\r\n${head}${rest}`)
    await once(socket, 'close')
    expect(text().endsWith(`rest:${rest}`)).toBe(true)
  })

  it('that expects what there is not is closed', async () => {
    const port = await serve((_request, response) => response.end('ok'))
    const { socket, text } = client(port, post('Expect: more\r\nContent-Length: 0\r\n\r\n').repeat(100))
    await once(socket, 'close')
    expect(text()).toMatch(/^HTTP\/1.1 417/)
  })
})

describe('reports of all objects', () => {
  it('are made for a few at a time', async () => {
    const queues = Array.from({ length: 4000 }, (_, i) => ({ name: `${'q'.repeat(200)}${i}`, vhost: '/' }))
    await fetch(`http://127.0.0.1:${broker.managementPort}/api/definitions`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ queues }),
    })
    const request = 'GET /metrics/per-object HTTP/1.1\r\nHost: a\r\n\r\n'
    const port = broker.metricsPort as number
    const slow = Array.from({ length: METRICS_REPORTS_MAX }, () => {
      const { socket } = client(port, request)
      socket.once('data', () => socket.pause())
      return once(socket, 'data').then(() => socket)
    })
    const sockets = await Promise.all(slow)
    const url = `http://127.0.0.1:${port}/metrics`
    expect((await fetch(`${url}/per-object`)).status).toBe(503)
    expect((await fetch(url)).status).toBe(200)
    // Those of one address, which are not even read, keep nobody else out.
    const other = get({ port, path: '/metrics/per-object', localAddress: '127.0.0.2', agent: false })
    const [answer] = (await once(other, 'response')) as [IncomingMessage]
    expect(answer.resume().statusCode).toBe(200)
    for (const s of sockets) s.destroy()
    await until(async () => {
      const r = await fetch(`${url}/detailed`)
      await r.text()
      return r.status === 200
    }, 'room for another')
  })
})
