/** Clients that have not logged in and send at the same time: how many of them are read in one turn of the event loop. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { expect, it, onTestFinished } from 'vitest'
import { READ_BYTES_BEFORE_LOGIN, readShared } from '../../src/connection/reading.ts'
import { WebSocketStream } from '../../src/management/websocket-stream.ts'
import { boundInputOf, releaseInput } from '../../src/util/tls-input.ts'
import { paceHandshakes } from '../../src/util/tls-pace.ts'
import { until } from '../support/until.ts'

const CLIENTS = 12
/** The first octet of a TLS handshake. */
const HELLO = Buffer.from([22])
/** More than their input may take in a turn. */
const WORK_MS = 25

/** The numbers of clients read in one turn, one after the other, of clients that all send at once. */
async function readPerTurn(
  accept: (server: Server, socket: Socket, came: () => void) => Socket,
): Promise<number[]> {
  let turn = 0
  const perTurn: number[] = []
  const came = (): void => {
    if (turn === 0) {
      turn = perTurn.push(0)
      setImmediate(() => {
        turn = 0
      })
    }
    perTurn[turn - 1] = (perTurn[turn - 1] ?? 0) + 1
    const end = performance.now() + WORK_MS
    while (performance.now() < end);
  }
  const accepted: Socket[] = []
  const server = createServer({ pauseOnConnect: true }, (s) => {
    const socket = accept(server, s, came)
    accepted.push(socket.on('error', () => {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const clients = Array.from({ length: CLIENTS }, () => connect((server.address() as AddressInfo).port))
  onTestFinished(() => {
    for (const socket of [...clients, ...accepted]) socket.destroy()
    server.close()
  })
  await until(() => accepted.length === CLIENTS, 'all to be accepted')
  for (const client of clients) client.write(HELLO)
  await until(() => perTurn.reduce((sum, n) => sum + n, 0) === CLIENTS, 'all to be read')
  return perTurn
}

const shared = (server: Server, s: Socket, came: () => void): Socket =>
  readShared(server, s, { isStranger: true, received: came }).socket

/** As a standby reads clients that it relays. */
function relayed(_: Server, s: Socket, came: () => void): Socket {
  boundInputOf(s)
  return s.on('data', came).resume()
}

/** Before the handshake begins. */
function withTls(_: Server, s: Socket, came: () => void): Socket {
  const tls = createTlsServer()
  paceHandshakes(tls, {})
  tls.emit('connection', s)
  return s.on('data', came).resume()
}

function webSocket(_: Server, s: Socket, came: () => void): Socket {
  new WebSocketStream(s).on('error', () => {})
  return s.on('data', came).resume()
}

it.each([
  ['an AMQP listener', shared],
  ['a standby', relayed],
  ['a TLS listener', withTls],
  ['a WebSocket', webSocket],
])('reads no further ones in a turn whose time for them is used up: %s', async (_, accept) => {
  // The one at which that is noticed has been read.
  expect(Math.max(...(await readPerTurn(accept)))).toBeLessThanOrEqual(2)
})

it.each([
  ['AMQP', shared, (s: Socket): object => s],
  ['a WebSocket', webSocket, (carrier: Socket): object => ({ carrier })],
])('does not hold back clients that have logged in: %s', async (_, accept, released) => {
  const perTurn = await readPerTurn((server, s, came) => {
    const socket = accept(server, s, came)
    releaseInput(released(socket))
    return socket
  })
  expect(Math.max(...perTurn)).toBeGreaterThan(2)
})

it('reads little at once from a client that has not logged in, because what it sends may be kept', async () => {
  const sizes: number[] = []
  const reader = { isStranger: true, received: (chunk: Buffer) => void sizes.push(chunk.length) }
  const [before, after] = [8 * READ_BYTES_BEFORE_LOGIN, 64 * READ_BYTES_BEFORE_LOGIN]
  const all = (): number => sizes.reduce((sum, n) => sum + n, 0)
  const server = createServer({ pauseOnConnect: true }, (s) => {
    const { socket } = readShared(server, s, reader)
    onTestFinished(() => void socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => void client.destroy())
  client.write(Buffer.alloc(before))
  await until(() => all() === before, 'the first octets')
  expect(Math.max(...sizes)).toBeLessThanOrEqual(READ_BYTES_BEFORE_LOGIN)
  reader.isStranger = false
  client.write(Buffer.alloc(after))
  await until(() => all() === before + after, 'the others')
  expect(Math.max(...sizes)).toBeGreaterThan(READ_BYTES_BEFORE_LOGIN)
})
