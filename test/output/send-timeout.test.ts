/** A client that takes nothing of what is sent to it, however alive it looks. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createWebSocketStream, WebSocket } from 'ws'
import type { Connection } from '../../src/connection/connection.ts'
import { SendTimeout } from '../../src/output/send-timeout.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { CH, consume, holds } from '../support/session.ts'
import { type TimedServer, timedServer } from '../support/timed-server.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls = { certfile: at('server.pem'), keyfile: at('server.key') }
const HEARTBEAT = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce])
const TIMEOUT_MS = 30_000
const STEP_MS = TIMEOUT_MS / 4
const MESSAGES = 40
const MESSAGE_BYTES = 1_000_000

describe('the time to take something', () => {
  function setUp(ms = 1000) {
    const clock = new ManualClock()
    const sending = {
      waiting: 10,
      octetsGone: 0,
      octetsQueued: 10,
      stalls: 0,
      stalled(): void {
        this.stalls++
      },
    }
    const timeout = new SendTimeout(ms, clock, sending)
    const pass = (total: number): void => {
      for (let i = 0; i < total; i += 50) clock.pass(50)
    }
    return { sending, timeout, pass }
  }

  it('ends when nothing has left for so long', () => {
    const { sending, timeout, pass } = setUp()
    timeout.watch()
    pass(950)
    expect(sending.stalls).toBe(0)
    pass(50)
    expect(sending.stalls).toBe(1)
    pass(5000)
    expect(sending.stalls).toBe(1)
  })

  it.each(['octetsGone', 'octetsQueued'] as const)(
    'begins again with every octet that leaves (%s)',
    (what) => {
      const { sending, timeout, pass } = setUp()
      timeout.watch()
      for (let i = 0; i < 10; i++) {
        pass(900)
        sending[what]++
      }
      expect(sending.stalls).toBe(0)
      pass(1300)
      expect(sending.stalls).toBe(1)
    },
  )

  it('does not count where nothing waits, and begins anew with what waits next', () => {
    const { sending, timeout, pass } = setUp()
    timeout.watch()
    pass(900)
    sending.waiting = 0
    pass(10_000)
    sending.waiting = 1
    timeout.watch()
    timeout.watch()
    pass(950)
    expect(sending.stalls).toBe(0)
    pass(100)
    expect(sending.stalls).toBe(1)
  })

  it.each([0, Number.POSITIVE_INFINITY])('is without end where it is %d', (ms) => {
    const { sending, timeout, pass } = setUp(ms)
    timeout.watch()
    pass(100_000)
    expect(sending.stalls).toBe(0)
  })

  it('is of no interest once the connection has ended', () => {
    const { sending, timeout, pass } = setUp()
    timeout.watch()
    timeout.stop()
    timeout.watch()
    pass(10_000)
    expect(sending.stalls).toBe(0)
  })
})

type Connect = (t: TimedServer) => Promise<Socket>
const links: [string, Connect][] = [
  ['TCP', async (t) => (await Wire.socket(t.url)).socket],
  [
    'TLS',
    async (t) => {
      const socket = connectTls({ host: '127.0.0.1', port: t.tlsPort, rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      return socket
    },
  ],
  [
    'WebSocket',
    async (t) => {
      const ws = new WebSocket(t.webSocketUrl, 'amqp')
      await once(ws, 'open')
      return createWebSocketStream(ws) as unknown as Socket
    },
  ],
]

/** A consumer of a queue with more than any socket takes, whose output waits. */
async function clogged(connect: Connect, t: TimedServer) {
  const owner = await Wire.open(t.url)
  onTestFinished(() => void owner.socket.destroy())
  await owner.channel(CH)
  await owner.call(CH, MethodId.QueueDeclare, { queue: 'q' }, MethodId.QueueDeclareOk)
  for (let i = 0; i < MESSAGES; i++) owner.publish(CH, { routingKey: 'q', body: Buffer.alloc(MESSAGE_BYTES) })
  await holds(owner, 'q', MESSAGES)
  const others = new Set(t.server.connections)
  const socket = await connect(t)
  const w = await Wire.over(socket)
  onTestFinished(() => void socket.destroy())
  await w.channel(CH)
  const [connection] = [...t.server.connections].filter((c) => !others.has(c)) as [Connection]
  socket.pause()
  w.send(CH, MethodId.BasicConsume, { queue: 'q' })
  const { output } = connection
  let last = -1
  // Until the system takes no more.
  await until(() => {
    const now = output.octetsGone + output.octetsQueued / 1e9
    const same = output.waiting > 0 && now === last
    last = now
    return same
  }, 'output that waits')
  return { owner, socket, w, connection, output }
}

describe.each(links)('a consumer over %s', (_, connect) => {
  it('that reads nothing is dropped though it sends heartbeats, and its messages go back', async () => {
    const t = await timedServer(tls)
    const { owner, socket, connection } = await clogged(connect, t)
    for (let i = 0; i < 3; i++) {
      t.clock.pass(STEP_MS)
      const before = connection.octetsReceived
      socket.write(HEARTBEAT)
      await until(() => connection.octetsReceived > before, 'the heartbeat')
    }
    expect(connection.state).toBe('open')
    // What is between the two, such as a WebSocket's buffers, may take some more octets late: the clock starts again then.
    await until(() => {
      socket.write(HEARTBEAT)
      t.clock.pass(STEP_MS)
      return connection.state === 'closed'
    }, 'the connection to be dropped')
    expect(connection.endReason).toBe('the client took nothing of what was sent to it')
    await holds(owner, 'q', MESSAGES)
  })

  it('that reads slowly stays', async () => {
    const t = await timedServer(tls)
    const { w, socket, connection, output } = await clogged(connect, t)
    let reading = true
    for (let i = 0; i < 8 && output.waiting > 0; i++) {
      const [gone, queued] = [output.octetsGone, output.octetsQueued]
      socket.resume()
      await until(() => output.waiting === 0 || output.octetsGone !== gone || output.octetsQueued !== queued)
      socket.pause()
      // Almost the whole time, again and again.
      for (let n = 0; n < 3; n++) t.clock.pass(STEP_MS)
      reading = connection.state === 'open'
    }
    expect(reading).toBe(true)
    socket.resume()
    for (let i = 0; i < 20; i++) await until(() => w.inbox.length > i, 'the rest')
    expect(connection.state).toBe('open')
  })
})

describe('a connection with nothing to send', () => {
  it('is not looked at, however long it is silent without heartbeats', async () => {
    const t = await timedServer(tls)
    const w = await Wire.open(t.url)
    await w.channel(CH)
    await w.call(CH, MethodId.QueueDeclare, { queue: 'idle' }, MethodId.QueueDeclareOk)
    await consume(w, 'idle')
    for (let i = 0; i < 20; i++) t.clock.pass(TIMEOUT_MS)
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    w.socket.destroy()
  })
})
