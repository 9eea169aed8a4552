/** Every route with what no client would send: it is refused or taken, and never a failure of the broker's. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { requests } from '../../src/management/schemas/requests.ts'
import { fuzzCalls } from './hostile.ts'
import { PlainClient } from './plain-client.ts'
import { Http } from './target.ts'

const http = new Http()
let broker: RunningBroker
const errors: string[] = []

beforeAll(async () => {
  const note = (fields: object, message: string): void => {
    const { err } = fields as { err?: Error }
    errors.push(`${message}: ${err?.stack}`)
  }
  const quiet = (): void => {}
  const logger = { debug: quiet, info: quiet, warn: quiet, error: note }
  broker = await createBroker({ port: 0, managementPort: 0, logger })
  http.base = `http://127.0.0.1:${broker.managementPort}`
  for (const name of ['q', 'dead']) await http.put(`queues/%2F/${name}`)
  await http.put('exchanges/%2F/x', { type: 'headers' })
  await http.put('users/ann', { password: 'p', tags: '' })
  const message = { properties: { headers: { a: 1 } }, payload: 'x', payload_encoding: 'string' }
  await http.post('exchanges/%2F/amq.default/publish', { ...message, routing_key: 'q' })
})
afterAll(() => broker.close())

async function statusOf(
  method: string,
  path: string,
  body?: string,
  type = 'application/json',
): Promise<number> {
  const { hostname, port } = new URL(http.base)
  const headers = {
    authorization: `Basic ${btoa('guest:guest')}`,
    ...(body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
  }
  const asked = request({ hostname, port, method, path, headers })
  asked.end(body)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const text = await textOf(answer)
  if (text !== '' && method !== 'HEAD' && text.startsWith('{')) JSON.parse(text)
  return answer.statusCode as number
}

describe('every route', () => {
  it('answers whatever comes, and never with 500', { timeout: 300_000 }, async () => {
    const { paths } = (await http.get('openapi.json')).json
    const calls = fuzzCalls(paths, requests)
    expect(calls.length).toBeGreaterThan(3000)
    const failed: string[] = []
    let at = 0
    const worker = async (): Promise<void> => {
      const client = new PlainClient(Number(new URL(http.base).port))
      onTestFinished(() => client.close())
      while (at < calls.length) {
        const { method, path, body } = calls[at++] as (typeof calls)[number]
        const { status, text } = await client.ask(method, path, body)
        if (text !== '' && method !== 'HEAD' && text.startsWith('{')) JSON.parse(text)
        if (status >= 500 && status !== 503) failed.push(`${status} ${method} ${path} ${body?.slice(0, 200)}`)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    expect([failed.slice(0, 40), errors.slice(0, 5)]).toEqual([[], []])
    for (const path of [
      'queues',
      'exchanges',
      'bindings',
      'definitions',
      'users',
      'policies',
      'parameters',
      'vhosts',
    ])
      expect([path, (await http.get(path)).status]).toEqual([path, 200])
  })
})

/** The first line of the answer to octets as they are. */
function raw(octets: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(http.base).port), '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (s) => {
      answer += s
      if (answer.includes('\r\n')) socket.destroy()
    })
    socket.once('close', () => resolve(answer.split('\r\n')[0] ?? ''))
    socket.once('error', reject)
    socket.write(octets, 'latin1')
  })
}

const form = 'Content-Type: multipart/form-data; boundary=x\r\n'
const part = '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n{'

describe('a client that leaves in the middle of a body', () => {
  const head = `Authorization: Basic ${btoa('guest:guest')}\r\nHost: h\r\n`
  it.each([
    ['of JSON', 'Content-Length: 100\r\n', '{'],
    ['of much JSON', 'Content-Length: 1000000\r\n', '{"a":"'.padEnd(200_000)],
    ['in chunks', 'Transfer-Encoding: chunked\r\n', '5\r\n{"a":\r\n'],
    ['of a form', `${form}Content-Length: 1000\r\n`, part],
    [
      'of a form in chunks',
      `${form}Transfer-Encoding: chunked\r\n`,
      `${part.length.toString(16)}\r\n${part}\r\n`,
    ],
    ['of a form that has not begun', `${form}Content-Length: 1000\r\n`, ''],
  ])('%s is no failure of the broker', async (_what, more, body) => {
    const before = errors.length
    const { port } = new URL(http.base)
    const paths = ['definitions', 'queues/%2F/left', 'login']
    for (let i = 0; i < 30; i++) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      const method = i % 3 === 1 ? 'PUT' : 'POST'
      socket.write(`${method} /api/${paths[i % 3]} HTTP/1.1\r\n${head}${more}\r\n${body}`, () => {
        if (i % 2 === 0) socket.resetAndDestroy()
        else socket.destroy()
      })
      await once(socket, 'close')
    }
    // What came first is done with.
    expect((await http.get('overview')).status).toBe(200)
    expect(errors.slice(before)).toEqual([])
  })
})

describe('a request', () => {
  const login = `Authorization: Basic ${btoa('guest:guest')}\r\nHost: h\r\n`
  it.each([
    ['an address that is none', `GET // HTTP/1.1\r\n${login}\r\n`, 404],
    ['an address that does not decode', `GET /api/queues/%FF/%zz HTTP/1.1\r\n${login}\r\n`, 400],
    ['octets in the address', `GET /api/queues/\xff HTTP/1.1\r\n${login}\r\n`, 4],
    ['a whole URL', `GET http://[/api HTTP/1.1\r\n${login}\r\n`, 4],
    ['another method', `PATCH /api/queues HTTP/1.1\r\n${login}\r\n`, 4],
    ['a method that is none', `FLY /api/queues HTTP/1.1\r\n${login}\r\n`, 400],
    ['headers without end', `GET /api/queues HTTP/1.1\r\n${login}X: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
    [
      'a login that is none',
      'GET /api/queues HTTP/1.1\r\nHost: h\r\nAuthorization: Basic \xff\xff\r\n\r\n',
      401,
    ],
    [
      'a login without a colon',
      `GET /api/queues HTTP/1.1\r\nHost: h\r\nAuthorization: Basic ${btoa('guest')}\r\n\r\n`,
      401,
    ],
    [
      'a token that is none',
      'GET /api/queues HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer a.b.c\r\n\r\n',
      401,
    ],
    [
      'a type that is none',
      `PUT /api/queues/%2F/typed HTTP/1.1\r\n${login}Content-Type: ;;\r\nContent-Length: 2\r\n\r\n{}`,
      4,
    ],
    [
      'a form without a boundary',
      `POST /api/definitions HTTP/1.1\r\n${login}Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\n{}`,
      4,
    ],
    [
      'a form that ends within a file',
      `POST /api/definitions HTTP/1.1\r\n${login}${form}Content-Length: ${part.length}\r\n\r\n${part}`,
      400,
    ],
    [
      'a form and the password of nobody',
      `POST /api/definitions HTTP/1.1\r\nAuthorization: Basic ${btoa('guest:no')}\r\nHost: h\r\n${form}Content-Length: ${part.length}\r\n\r\n${part}`,
      401,
    ],
    ['a length that is none', `PUT /api/queues/%2F/q HTTP/1.1\r\n${login}Content-Length: -5\r\n\r\n`, 400],
  ])('with %s is refused', async (_what, octets, status) => {
    const line = await raw(octets)
    expect(line).toMatch(new RegExp(`^HTTP/1.1 ${status}`))
    expect((await http.get('overview')).status).toBe(200)
  })

  it.each([
    ['', 201],
    ['null', 201],
    ['{}', 201],
    ['[]', 400],
    ['5', 400],
    ['"{}"', 400],
    ['{', 400],
    ['\ufeff{}', 4],
    ['{"arguments":{"a":"\\ud800"}}', 201],
    ['{"arguments":{"\\udfff":1}}', 201],
    ['{"arguments":{"a":"\\ud83d\\ude00"}}', 201],
    [`{"arguments":{"a":"${'['.repeat(1000)}"}}`, 201],
    [`{"arguments":{"a":${'['.repeat(129)}${']'.repeat(129)}}}`, 400],
    [`${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`, 400],
  ])('with the body %s is answered', async (body, status) => {
    await http.delete('queues/%2F/body')
    expect(String(await statusOf('PUT', '/api/queues/%2F/body', body))).toMatch(new RegExp(`^${status}`))
  })

  it('without a body, with HEAD or OPTIONS, is no failure', async () => {
    expect(await statusOf('HEAD', '/api/queues')).toBe(200)
    expect(await statusOf('OPTIONS', '/api/queues')).toBeLessThan(500)
    expect(await statusOf('POST', '/api/queues/%2F/q/get')).toBe(400)
    expect(await statusOf('PUT', '/api/queues/%2F/plain', '{}', 'text/plain')).toBe(201)
    expect(await statusOf('PUT', '/api/queues/%2F/form', 'a=b', 'application/x-www-form-urlencoded')).toBe(
      400,
    )
  })

  it('counts the first of several parameters of the same name', async () => {
    const { status, json } = await http.get('queues?name=dead&name=q&columns=name&columns=type')
    expect([status, json]).toEqual([200, [{ name: 'dead' }]])
  })
})
