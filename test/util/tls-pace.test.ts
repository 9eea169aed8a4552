/** Handshakes of very many clients at once take turns with everything else. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import {
  connect as connectTls,
  createSecureContext,
  createServer,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hearErrors } from '../../src/util/sockets.ts'
import { isHelloComplete, paceHandshakes, TLS_HANDSHAKES_MAX } from '../../src/util/tls-pace.ts'
import { until } from '../support/until.ts'

const at = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../support/certificates', name))
const files = { cert: at('server.pem'), key: at('server.key') }
/** Whom they trust is not looked at here, and would be a third of what three hundred handshakes take. */
const anyServer = { rejectUnauthorized: false, servername: 'localhost', secureContext: createSecureContext() }

async function paced(options: TlsOptions = {}): Promise<{ server: Server; port: number; refused: string[] }> {
  const all = { ...files, ...options }
  const server = createServer(all, (socket) => {
    hearErrors(socket)
    socket.pipe(socket)
  })
  paceHandshakes(server, all)
  const refused: string[] = []
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    refused.push(error.code ?? error.message)
    socket.destroy()
  })
  server.on('connection', hearErrors)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, port: (server.address() as { port: number }).port, refused }
}

async function plain(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  hearErrors(socket)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** What a client says first. */
async function clientHello(): Promise<Buffer> {
  return await new Promise((resolve) => {
    const wire = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        resolve(Buffer.from(chunk))
        done()
      },
    })
    const client = connectTls({ socket: wire as Socket, ...anyServer })
    hearErrors(client)
    onTestFinished(() => void client.destroy())
  })
}

async function echo(
  port: number,
  text: string,
  cut = Number.POSITIVE_INFINITY,
  socket?: Socket,
): Promise<string> {
  socket ??= await plain(port)
  // Cut into pieces, each of which is a packet of its own.
  const wire = new Duplex({
    read() {},
    async write(chunk: Buffer, _encoding, done) {
      for (let i = 0; i < chunk.length; i += cut)
        await new Promise((resolve) => socket.write(chunk.subarray(i, i + cut), resolve))
      done()
    },
  })
  socket.on('data', (chunk) => wire.push(chunk))
  const client = connectTls({ socket: (cut < 10_000 ? wire : socket) as Socket, ...anyServer })
  hearErrors(client)
  client.write(text)
  const [answer] = (await once(client, 'data')) as [Buffer]
  return answer.toString()
}

describe('a ClientHello', () => {
  it('is complete with its last octet, in one record or in several', async () => {
    const hello = await clientHello()
    for (let i = 0; i < hello.length; i++)
      expect([i, isHelloComplete(hello.subarray(0, i))]).toEqual([i, false])
    expect(isHelloComplete(hello)).toBe(true)
    const message = hello.subarray(5)
    const records = [message.subarray(0, 10), message.subarray(10, 50), message.subarray(50)].map((part) =>
      Buffer.concat([hello.subarray(0, 3), Buffer.from([part.length >> 8, part.length & 255]), part]),
    )
    const split = Buffer.concat(records)
    for (let i = 0; i < split.length; i++)
      expect([i, isHelloComplete(split.subarray(0, i))]).toEqual([i, false])
    expect(isHelloComplete(split)).toBe(true)
  })

  it('is not waited for where it can never come', () => {
    for (const octets of [
      'GET / HTTP/1.1',
      'AMQP\0\0\x09\x01',
      '\x15\x03\x01',
      '\x16\x03\x01\0\x03',
      'x'.repeat(20_000),
    ])
      expect(isHelloComplete(Buffer.from(octets, 'latin1'))).toBe(true)
    // A record of the greatest length that says it is the beginning of more.
    expect(
      isHelloComplete(
        Buffer.concat([Buffer.from([22, 3, 1, 255, 255, 1, 255, 255, 255]), Buffer.alloc(16_380)]),
      ),
    ).toBe(true)
  })
})

describe('handshakes', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`of ${version} come to their end, also where they come octet by octet`, async () => {
      const { port } = await paced({ minVersion: version, maxVersion: version })
      expect(await echo(port, 'hello')).toBe('hello')
      expect(await echo(port, 'hello', 1)).toBe('hello')
      const many = Array.from({ length: 300 }, (_, i) => echo(port, `${i}`))
      expect(await Promise.all(many)).toEqual(many.map((_, i) => `${i}`))
    })

  it('begin when the turn has time: those that come together do not share one', async () => {
    const { server, port } = await paced()
    const hello = await clientHello()
    const accepted: Socket[] = []
    server.on('connection', (socket: Socket) => accepted.push(socket))
    const count = 60
    for (let i = 0; i < count; i++) await plain(port)
    await until(() => accepted.length === count, 'the connections')
    for (const socket of accepted) socket.emit('data', Buffer.from(hello))
    // Each has all that it needs, and they are begun one by one.
    const begun = (): number => accepted.filter((socket) => socket.bytesWritten > 0).length
    const seen = new Set<number>()
    while (begun() < count) {
      seen.add(begun())
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(seen.size).toBeGreaterThan(count / 2)
  })

  it('begin only with what a client can have to say first: what waits is kept', async () => {
    const { port, refused } = await paced()
    const client = connect(port, '127.0.0.1')
    client.on('error', () => {})
    onTestFinished(() => void client.destroy())
    client.write(Buffer.from([22, 3, 1, 0x3f, 0xff, 1, 0, 0xff, 0xff]))
    client.write(Buffer.alloc(20_000))
    await until(() => client.closed)
    expect(refused).toEqual(['ERR_TLS_LONG_HELLO'])
  })

  it('that do not go on make room for others once they are many', async () => {
    const { server, port } = await paced({ minVersion: 'TLSv1.3' })
    const hello = await clientHello()
    const open = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    })
    for (let i = 0; i < TLS_HANDSHAKES_MAX + 10; i++) (await plain(port)).write(hello)
    expect(await echo(port, 'through')).toBe('through')
    expect(open.size).toBeLessThan(TLS_HANDSHAKES_MAX + 11)
  })

  it('of one address that do not go on hold up none of another address', async () => {
    const { server, port } = await paced({ minVersion: 'TLSv1.3' })
    const hello = await clientHello()
    const accepted: Socket[] = []
    server.on('connection', (socket: Socket) => accepted.push(socket))
    const count = 6 * TLS_HANDSHAKES_MAX
    const clients: Socket[] = []
    while (clients.length < count) clients.push(await plain(port))
    const other = await plain(port, '127.0.0.2')
    // All of them at the same instant, and the other one behind them.
    for (const socket of clients) socket.write(hello)
    expect(await echo(port, 'through', Number.POSITIVE_INFINITY, other)).toBe('through')
    // One after the other in the order in which they came, all would have begun before.
    expect(accepted.filter((socket) => socket.bytesWritten > 0).length).toBeLessThan(count)
  })

  it('that are not begun, or end in the middle of the first message, are refused', async () => {
    const short = await paced({ handshakeTimeout: 100 })
    const silent = await plain(short.port)
    await once(silent, 'close')
    expect(short.refused).toEqual(['ERR_TLS_HANDSHAKE_TIMEOUT'])
    const { server, port, refused } = await paced({})
    const hello = await clientHello()
    for (const octets of [Buffer.alloc(0), hello.subarray(0, 50)]) {
      const socket = await plain(port)
      socket.end(octets)
      await once(socket, 'close')
    }
    expect(refused.splice(0)).toEqual(['ECONNRESET', 'ECONNRESET'])
    const other = await plain(port)
    other.write('GET / HTTP/1.1\r\n\r\n')
    await once(other, 'close')
    expect(refused).toEqual(['ERR_SSL_HTTP_REQUEST'])
    expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(0)
  })
})
