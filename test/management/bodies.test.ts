/** Bodies of requests from whoever has not logged in take no memory; long answers are made bit by bit. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { HTTP_BODY_JOINED_BYTES, JSON_VALUES_MAX, LOGIN_BODY_BYTES_MAX } from '../../src/limits.ts'
import { parseBitByBit } from '../../src/management/http-intake.ts'
import { Left, type Listed, listed } from '../../src/management/listing.ts'
import { hasMoreValues } from '../../src/util/json-values.ts'
import { useHttp } from './target.ts'

const http = useHttp()

/** The first line of the answer to a request that announces a large body and sends nothing of it. */
async function announced(method: string, path: string): Promise<string> {
  const socket = connect(Number(new URL(http.base).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n`)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString('latin1').split('\r\n')[0] as string
}

describe('a body before the login', () => {
  it('is refused so that a client that is still sending hears it: the connection is reset only later', async () => {
    const server = createServer((request, response) => {
      response.writeHead(413, { connection: 'close' }).end('too large')
      response.once('finish', () => setImmediate(() => server.emit('answered', request.socket)))
    })
    parseBitByBit(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void server.close())
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    onTestFinished(() => void client.destroy())
    client.on('error', () => {})
    client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n')
    const answered = once(server, 'answered')
    client.write(Buffer.alloc(10_000_000))
    const [socket] = (await answered) as [Socket]
    expect([socket.writableEnded, socket.destroyed]).toEqual([true, false])
    const read = socket.bytesRead
    await once(client.resume(), 'end')
    expect(socket.bytesRead).toBe(read)
    client.destroy()
    // It does not wait for the client, either, which may send without end.
    await once(socket, 'close')
  })

  it('is not waited for where there is nothing', async () => {
    for (const path of ['/', '/nothing', '/assets/x', '/login.json', '/api', '/api/nothing/at/all'])
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
        expect([method, path, await announced(method, path)]).toEqual([
          method,
          path,
          'HTTP/1.1 405 Method Not Allowed',
        ])
    expect(await announced('OPTIONS', '/api/nothing')).toBe('HTTP/1.1 200 OK')
  })

  it('is as long as a name and a password may be where that is what comes', async () => {
    expect(await announced('POST', '/api/login')).toBe('HTTP/1.1 413 Payload Too Large')
    const login = (password: string): Promise<Response> =>
      fetch(`${http.base}/api/login`, {
        method: 'POST',
        body: new URLSearchParams({ username: 'guest', password }),
      })
    expect((await login('guest')).status).toBe(200)
    expect((await login('x'.repeat(LOGIN_BODY_BYTES_MAX))).status).toBe(413)
  })
})

describe('a body with very many values', () => {
  const most = JSON_VALUES_MAX

  it.each([
    ['beside each other', `{"list":[${'1,'.repeat(most)}1]}`],
    ['lists in lists', `${'['.repeat(most)}${']'.repeat(most)}`],
    ['objects in objects', `${'{"a":'.repeat(most)}1${'}'.repeat(most)}`],
  ])('is refused before it is parsed: %s', async (_, headers) => {
    const body = `{"properties":{"headers":${headers}},"routing_key":"x","payload":"","payload_encoding":"string"}`
    const definitions = `{"queues":[{"name":"q","vhost":"/","arguments":{"a":${headers}}}]}`
    for (const [path, sent] of [
      ['exchanges/%2F/amq.default/publish', body],
      ['definitions', definitions],
    ] as const) {
      const response = await fetch(`${http.base}/api/${path}`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('guest:guest')}` },
        body: sent,
      })
      expect([path, response.status]).toEqual([path, 400])
      expect(await response.json()).toMatchObject({ reason: `more than ${most} values` })
    }
  })

  it('is known by what begins a value outside of strings', () => {
    const commas = ',[{'.repeat(100)
    const quoted = [commas, `\\"${commas}`, `${commas}\\\\`, `\\\\\\"${commas}\\"`, '']
    for (const q of quoted) {
      const text = `{"a":"${q}","b":[1,2,"${q}",3],"${q}":4}`
      JSON.parse(text)
      expect([q, hasMoreValues(text, 8), hasMoreValues(text, 7)]).toEqual([q, false, true])
    }
    for (const wrong of [`{"${commas}`, `"${commas}\\`, `"${commas}\\"`])
      expect(hasMoreValues(wrong, 2)).toBe(false)
  })
})

describe('a body in chunks of one octet', () => {
  it('is kept in few pieces, because each piece costs much more than an octet', async () => {
    const pieces: number[] = []
    const server = createServer((request, response) => {
      request.on('data', (piece: Buffer) => pieces.push(piece.length))
      request.on('end', () => response.end('done'))
    })
    parseBitByBit(server)
    server.listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const count = 2 * HTTP_BODY_JOINED_BYTES + 5
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    socket.write(`${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`)
    await once(socket, 'data')
    expect(pieces).toEqual([HTTP_BODY_JOINED_BYTES, HTTP_BODY_JOINED_BYTES, 5])
  })
})

const kind: Listed<string> = { name: (item) => item, describe: (name) => ({ name }) }
const names = ['a', 'b', 'c']

async function text(answer: unknown): Promise<string> {
  expect(answer).toBeInstanceOf(Readable)
  return (await (answer as Readable).toArray()).join('')
}

describe('a long list', () => {
  it('is made bit by bit, whole or as a page, and says the same', async () => {
    const whole = await text(await listed(names, kind, {}, undefined, 0))
    expect(whole).toBe(await listed(names, kind, {}, undefined, 1e9))
    expect(JSON.parse(whole)).toEqual(names.map((name) => ({ name })))
    const page = { page: '1', page_size: '2' }
    expect(await text(await listed(names, kind, page, undefined, 0))).toBe(
      await listed(names, kind, page, undefined, 1e9),
    )
  })

  it('is not described to the end for the sake of its order once nobody waits for it', async () => {
    let described = 0
    const counted: Listed<string> = { ...kind, describe: (name) => ({ described: ++described, name }) }
    const query = { sort: 'described' }
    await expect(listed(names, counted, query, () => described === 2, 0)).rejects.toThrow(Left)
    expect(described).toBe(2)
  })

  it('is collected bit by bit', async () => {
    let turns = 0
    let most = 0
    let inThisTurn = 0
    let over = false
    const count = (): void => {
      turns++
      inThisTurn = 0
      if (!over) setImmediate(count)
    }
    setImmediate(count)
    const items = function* (): Iterable<string> {
      for (let i = 0; i < 10_000; i++) {
        most = Math.max(most, ++inThisTurn)
        yield `${i}`
      }
    }
    const answer = await listed(items(), kind, { page: '1', page_size: '1' }, undefined, 0)
    over = true
    expect(JSON.parse(typeof answer === 'string' ? answer : await text(answer)).total_count).toBe(10_000)
    expect(turns).toBeGreaterThan(8)
    expect(most).toBeLessThanOrEqual(2_000)
  })

  it('comes over HTTP as JSON', async () => {
    for (const vhosts of ['a', 'b']) await http.put(`vhosts/${vhosts}`)
    const { status, json } = await http.get('exchanges?page=1&page_size=3&msg_rates_age=10&msg_rates_incr=5')
    expect(status).toBe(200)
    expect([json.items.length, json.page_size]).toEqual([3, 3])
  })
})
