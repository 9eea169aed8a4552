/** Clients that leave off in the middle: the broker waits for each step only so long. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { CLOSE_OK_MS_MAX, HANDSHAKE_MS_MAX } from '../../src/limits.ts'
import { MethodId, PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { CH, consume, holds } from '../support/session.ts'
import { type TimedServer, timedServer } from '../support/timed-server.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls = { certfile: at('server.pem'), keyfile: at('server.key') }

/** A TCP connection, the first of the server. */
async function plain(t: TimedServer): Promise<Socket> {
  const socket = connect(Number(new URL(t.url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await until(() => t.server.connections.size === 1, 'the connection')
  return socket
}

async function endsAfter(t: TimedServer, ms: number): Promise<void> {
  t.clock.pass(ms - 1)
  await new Promise((resolve) => setImmediate(resolve))
  expect(t.server.connections.size).toBe(1)
  t.clock.pass(1)
  await until(() => t.server.connections.size === 0, 'the end of the connection')
}

describe('a client that says nothing', () => {
  it('over TCP is given up when the handshake has had its time', async () => {
    const t = await timedServer(tls)
    await plain(t)
    await endsAfter(t, HANDSHAKE_MS_MAX)
  })

  it('over WebSocket too', async () => {
    const t = await timedServer(tls)
    const ws = new WebSocket(t.webSocketUrl, 'amqp')
    onTestFinished(() => ws.terminate())
    await once(ws, 'open')
    await until(() => t.server.connections.size === 1, 'the connection')
    await endsAfter(t, HANDSHAKE_MS_MAX)
    await until(() => ws.readyState === WebSocket.CLOSED, 'the end of the WebSocket')
  })

  it('after the protocol header, or after login, is given up at the same time', async () => {
    const t = await timedServer(tls)
    const w = await Wire.socket(t.url)
    onTestFinished(() => void w.socket.destroy())
    w.write(PROTOCOL_HEADER)
    await w.expect(0, MethodId.ConnectionStart)
    w.sendStartOk({})
    await w.expect(0, MethodId.ConnectionTune)
    await endsAfter(t, HANDSHAKE_MS_MAX)
  })
})

describe('a client that vanishes without a word', () => {
  it('is given up by its heartbeats, and what it had goes back', async () => {
    const t = await timedServer(tls)
    const w = await Wire.open(t.url, { heartbeat: 10 })
    onTestFinished(() => void w.socket.destroy())
    await w.channel(CH)
    const owner = await Wire.open(t.url)
    onTestFinished(() => void owner.socket.destroy())
    await owner.channel(CH)
    await owner.call(CH, MethodId.QueueDeclare, { queue: 'q' }, MethodId.QueueDeclareOk)
    await consume(w, 'q')
    owner.publish(CH, { routingKey: 'q' })
    await w.receive(CH, MethodId.BasicDeliver)
    for (let i = 0; i < 12; i++) t.clock.pass(2500)
    await until(() => t.server.connections.size === 1, 'the end of the connection')
    await holds(owner, 'q', 1)
  })
})

describe('connection.close of the server', () => {
  it('is waited for only so long', async () => {
    const t = await timedServer(tls)
    const w = await Wire.open(t.url)
    onTestFinished(() => void w.socket.destroy())
    w.send(7, MethodId.BasicQos, {})
    expect((await w.expect(0, MethodId.ConnectionClose)).replyCode).toBe(504)
    await endsAfter(t, CLOSE_OK_MS_MAX)
  })

  it('does not wait for a client that reads nothing either', async () => {
    const t = await timedServer(tls)
    const w = await Wire.open(t.url)
    onTestFinished(() => void w.socket.destroy())
    w.socket.pause()
    t.server.users.remove('guest')
    await endsAfter(t, CLOSE_OK_MS_MAX)
  })
})

describe('connection.close of the client', () => {
  it('is answered, and the socket ends though the client keeps its side open', async () => {
    const t = await timedServer(tls)
    const socket = connect({
      port: Number(new URL(t.url).port),
      host: '127.0.0.1',
      allowHalfOpen: true,
    })
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    const w = await Wire.over(socket)
    await w.call(0, MethodId.ConnectionClose, {}, MethodId.ConnectionCloseOk)
    t.clock.pass(1000)
    await until(() => t.server.connections.size === 0, 'the end of the connection')
  })
})
