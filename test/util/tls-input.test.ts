/** TLS records that cost more than they bring, from clients that have not logged in. */
import { createCipheriv, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { connect as connectTls, createServer, type Server, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Bounded, KEY_UPDATES_MAX, TlsInput } from '../../src/util/tls-input.ts'
import { paceHandshakes } from '../../src/util/tls-pace.ts'

class Client implements Bounded {
  readonly _handle = {
    reading: true,
    isRead: true,
    readStart(): void {
      this.isRead = true
    },
    readStop(): void {
      this.isRead = false
    },
  }
  got = 0
  push(): boolean {
    this.got++
    return true
  }
  once(_event: 'close', listener: () => void): void {
    this.close = listener
  }
  close = (): void => {}
}

function make(count: number) {
  let now = 0
  let later: (() => void)[] = []
  const input = new TlsInput(
    () => now,
    (action) => void later.push(action),
  )
  const clients = Array.from({ length: count }, () => new Client())
  for (const c of clients) input.add(c)
  const nextTurn = (): void => {
    const due = later
    later = []
    for (const action of due) action()
  }
  const send = (client: Client | undefined, ms: number): void => {
    now += ms
    client?.push()
  }
  const read = (): number[] => clients.flatMap((c, i) => (c._handle.isRead ? [i] : []))
  return { input, clients, nextTurn, send, read }
}

describe('TLS input', () => {
  it('of all clients has 20 ms of a turn, then nobody is read until the next one', () => {
    const { clients, nextTurn, send, read } = make(4)
    send(clients[0], 5)
    send(clients[1], 19)
    expect(read()).toEqual([0, 1, 2, 3])
    send(clients[1], 1)
    expect(read()).toEqual([])
    nextTurn()
    expect(read()).toEqual([0, 1, 2, 3])
    expect(clients.map((c) => c.got)).toEqual([1, 2, 0, 0])
  })

  it('of those that were not read comes first in the next turn', () => {
    const { clients, nextTurn, send } = make(3)
    const order: number[] = []
    for (const [i, c] of clients.entries()) c._handle.readStart = () => void order.push(i)
    send(clients[0], 0)
    send(clients[0], 20)
    nextTurn()
    expect(order).toEqual([1, 2, 0])
  })

  it('is not read on where its stream was paused meanwhile, or the client has gone', () => {
    const { clients, nextTurn, send, read } = make(3)
    send(clients[0], 0)
    send(clients[0], 20)
    ;(clients[1] as Client)._handle.reading = false
    clients[2]?.close()
    nextTurn()
    expect(read()).toEqual([0])
  })

  it('of a client whose input waits is not read, and read on afterwards', () => {
    const { input, clients, nextTurn, send, read } = make(4)
    for (const c of clients) input.stop(c)
    expect(read()).toEqual([])
    input.start(clients[0] as Client)
    input.release(clients[1] as Client)
    expect(read()).toEqual([0, 1])
    send(clients[0], 0)
    send(clients[0], 20)
    input.start(clients[2] as Client)
    expect(read()).toEqual([1])
    nextTurn()
    expect(read()).toEqual([0, 1, 2])
    input.stop(clients[1] as Client)
    expect(read()).toEqual([0, 1, 2])
  })

  it('of a client that has logged in is not held back', () => {
    const { input, clients, nextTurn, send, read } = make(3)
    input.release(clients[0] as Client)
    send(clients[1], 0)
    send(clients[1], 20)
    expect(read()).toEqual([0])
    input.release(clients[2] as Client)
    expect(read()).toEqual([0, 2])
    nextTurn()
    expect(read()).toEqual([0, 1, 2])
  })
})

const at = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../support/certificates', name))

/** RFC 8446, section 7.1, for lengths up to that of the hash. */
function expand(secret: Buffer, label: string, length: number): Buffer {
  const full = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.from([0, length, full.length]), full, Buffer.from([0, 1])])
  return createHmac('sha256', secret).update(info).digest().subarray(0, length)
}

/** The only record of its key: a KeyUpdate that asks for no answer. RFC 8446, sections 4.6.3 and 5.2. */
function keyUpdate(secret: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-gcm', expand(secret, 'key', 16), expand(secret, 'iv', 12))
  const header = Buffer.from([23, 3, 3, 0, 22])
  const body = cipher.setAAD(header).update(Buffer.from([24, 0, 0, 1, 0, 22]))
  return Buffer.concat([header, body, cipher.final(), cipher.getAuthTag()])
}

/** Connects, and hands out the socket below TLS and the secret of the client's records. */
async function below(port: number): Promise<{ raw: Socket; secret: Buffer }> {
  const raw = connect(port, '127.0.0.1')
  raw.on('error', () => {})
  onTestFinished(() => void raw.destroy())
  const middle = new Duplex({ read() {}, write: (chunk, _, done) => void raw.write(chunk, done) })
  raw.on('data', (chunk) => void middle.push(chunk))
  const ciphers = 'TLS_AES_128_GCM_SHA256'
  const client = connectTls({ socket: middle, rejectUnauthorized: false, ciphers, minVersion: 'TLSv1.3' })
  client.on('error', () => {})
  let secret = Buffer.alloc(0)
  client.on('keylog', (line: Buffer) => {
    const [label, , value = ''] = line.toString().trim().split(' ')
    if (label === 'CLIENT_TRAFFIC_SECRET_0') secret = Buffer.from(value, 'hex')
  })
  await once(client, 'secureConnect')
  return { raw, secret }
}

/** Its port, and the codes with which clients are refused. */
async function listening(): Promise<{ server: Server; port: number; codes: unknown[] }> {
  const options = { key: at('server.key'), cert: at('server.pem') }
  const server = createServer(options)
  paceHandshakes(server, options)
  const codes: unknown[] = []
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => codes.push(error.code))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, port: (server.address() as AddressInfo).port, codes }
}

it('a client that begins another handshake is disconnected, however often it would', async () => {
  const { server, port, codes } = await listening()
  server.on('secureConnection', (socket: TLSSocket) => socket.on('error', () => {}).resume())
  const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
  client.on('error', () => {})
  onTestFinished(() => void client.destroy())
  await once(client, 'secureConnect')
  let done = false
  const closed = new Promise((resolve) => client.once('close', resolve))
  client.renegotiate({}, (error) => {
    done = error === null
  })
  await closed
  expect([done, codes]).toEqual([false, ['ERR_TLS_RENEGOTIATION_DISABLED']])
})

describe('a client that changes its keys', () => {
  async function updates(count: number): Promise<{ raw: Socket; socket: TLSSocket; codes: unknown[] }> {
    const { server, port, codes } = await listening()
    const came = once(server, 'secureConnection') as Promise<[TLSSocket]>
    const { raw, secret } = await below(port)
    const [socket] = await came
    socket.on('error', () => {}).resume()
    onTestFinished(() => void socket.destroy())
    const records: Buffer[] = []
    for (let s = secret; records.length < count; s = expand(s, 'traffic upd', 32)) records.push(keyUpdate(s))
    raw.write(Buffer.concat(records))
    return { raw, socket, codes }
  }

  it('again and again is disconnected', async () => {
    const { raw, codes } = await updates(1_000)
    await new Promise((resolve) => raw.once('close', resolve))
    expect(codes).toEqual(['ERR_TLS_KEY_UPDATES'])
  })

  it('now and then stays', async () => {
    const { raw, socket, codes } = await updates(KEY_UPDATES_MAX)
    raw.end()
    // The server has read all that came before the end.
    await once(socket, 'end')
    expect(codes).toEqual([])
  })
})
