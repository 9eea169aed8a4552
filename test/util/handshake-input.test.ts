/** What clients send in their TLS handshakes, which OpenSSL may work on for long. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Below, HANDSHAKE_BYTES_MAX, HandshakeInput } from '../../src/util/handshake-input.ts'
import { hearErrors } from '../../src/util/sockets.ts'
import { elapsed } from '../../src/util/timers.ts'
import { paceHandshakes } from '../../src/util/tls-pace.ts'

class Client implements Below {
  bytesRead = 0
  isRead = true
  readonly _handle = {
    readStart: (): void => {
      this.isRead = true
    },
    readStop: (): void => {
      this.isRead = false
    },
  }
}

function make(addresses: readonly string[]) {
  let now = 0
  let later: (() => void)[] = []
  let timers: { at: number; action: () => void }[] = []
  const input = new HandshakeInput<Client>(
    () => now,
    (action) => void later.push(action),
    (ms, action) => void timers.push({ at: now + ms, action }),
  )
  const clients = addresses.map((address) => {
    const client = new Client()
    input.add(client, address)
    return client
  })
  const pass = (ms: number): void => {
    now += ms
    const due = timers.filter((t) => t.at <= now)
    timers = timers.filter((t) => t.at > now)
    for (const t of due) t.action()
  }
  const nextTurn = (): void => {
    const due = later
    later = []
    for (const action of due) action()
  }
  /** After so many ms of work. */
  const end = (i: number, ms: number, octets = 0): void => {
    now += ms
    const client = clients[i] as Client
    client.bytesRead = octets
    input.ended(client, octets > 0)
  }
  const read = (): number[] => clients.flatMap((c, i) => (c.isRead ? [i] : []))
  return { input, pass, nextTurn, end, read }
}

describe('handshakes', () => {
  it('that come to their end have 10 ms of a turn, then no further one is read until the next', () => {
    const { end, nextTurn, read } = make(['a', 'b', 'c', 'd'])
    end(0, 300)
    end(1, 9)
    expect(read()).toEqual([0, 1, 2, 3])
    end(2, 1)
    expect(read()).toEqual([0, 1, 2])
    nextTurn()
    expect(read()).toEqual([0, 1, 2, 3])
  })

  it('of an address rest when one of them has failed that brought very much', () => {
    const { input, end, nextTurn, pass, read } = make(['a', 'a', 'a', 'b'])
    end(0, 0, HANDSHAKE_BYTES_MAX)
    expect(input.restOf('a')).toBe(0)
    end(1, 0, 100_000)
    expect([input.restOf('a'), input.restOf('b')]).toEqual([2000, 0])
    nextTurn()
    pass(1999)
    expect(read()).toEqual([0, 1, 3])
    pass(1)
    expect(read()).toEqual([0, 1, 2, 3])
    expect(input.restOf('a')).toBe(0)
  })
})

const at = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../support/certificates', name))

it('a client with very many certificates makes others of its address wait, and nobody else', async () => {
  const options = {
    key: at('server.key'),
    cert: at('server.pem'),
    ca: at('chain/root.pem'),
    requestCert: true,
    rejectUnauthorized: true,
  }
  const server = createServer(options, (socket) => {
    hearErrors(socket)
    socket.write('through')
  })
  paceHandshakes(server, options)
  server.on('connection', hearErrors)
  server.on('tlsClientError', (_, socket: TLSSocket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  const client = (cert: Buffer, key: string, localAddress = '127.0.0.1'): TLSSocket => {
    const below = connectPlain({ port, host: '127.0.0.1', localAddress })
    hearErrors(below)
    const socket = connect({
      socket: below,
      rejectUnauthorized: false,
      cert,
      key: at(key),
    })
    hearErrors(socket)
    onTestFinished(() => void socket.destroy())
    return socket
  }
  const own = at('chain/under-0.pem')
  const chain = Buffer.concat([at('client.pem'), ...new Array<Buffer>(90).fill(at('chain/root.pem'))])
  const began = elapsed()
  await once(client(chain, 'client.key'), 'close')
  const again = once(client(own, 'chain/client.key'), 'data').then(() => elapsed() - began)
  await once(client(own, 'chain/client.key', '127.0.0.2'), 'data')
  expect(await again).toBeGreaterThan((HANDSHAKE_BYTES_MAX / 50) * 0.9)
})
