/** What whoever reaches the ports of a cluster's nodes can do to them without a login or the secret. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ASKED_MAX } from '../../src/cluster/asking.ts'
import { PeerPort, STRANGERS_MAX, STRANGERS_OF_ADDRESS_MAX } from '../../src/cluster/peer-port.ts'
import { type ActiveNode, Relay, WAITING_MAX } from '../../src/cluster/relay.ts'
import type { Listener } from '../../src/connection/listener.ts'
import type { Listeners } from '../../src/connection/listeners.ts'
import { createCluster } from '../../src/index.ts'
import { DOOR_LINES_PER_MINUTE, HANDSHAKE_MS_MAX } from '../../src/limits.ts'
import { systemClock } from '../../src/util/clock.ts'
import { type Closable, Descriptors } from '../../src/util/descriptors.ts'
import { type Logger, silent } from '../../src/util/logger.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

async function connected(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const s = connect({ port, host: '127.0.0.1', localAddress })
  s.on('error', () => {})
  onTestFinished(() => void s.destroy())
  await new Promise<void>((resolve) => s.once('connect', () => resolve()))
  return s
}

describe('the HTTP API of a standby', () => {
  it('keeps nothing of clients that leave while they are passed on, and the nodes can end', async () => {
    const cluster = await createCluster({ failoverAfter: 400, management: true })
    const standby = cluster.nodes.find((n) => !n.active)?.managementPort as number
    await until(async () => {
      const { status } = await fetch(`http://127.0.0.1:${standby}/api/overview`)
      return status === 401
    }, 'the standby to pass requests on')
    const before = sockets()
    for (let i = 0; i < 50; i++) {
      const s = await connected(standby)
      await new Promise<void>((resolve) =>
        s.write('GET /api/overview HTTP/1.1\r\nHost: x\r\n\r\n', () => resolve()),
      )
      s.destroy()
    }
    await until(() => sockets() <= before + 2, 'all sockets to be closed')
    await cluster.close()
  })
})

/** A frame of connection.tune. */
const TUNE = Buffer.from('0100000000000c000a001e07ff00020000003cce', 'hex')

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

class Lines {
  readonly seen: string[] = []
  readonly warn = (_fields: object, text: string): void => {
    this.seen.push(text)
  }
}

async function peerPort(): Promise<{ peers: PeerPort; lines: Lines; served: () => number }> {
  const lines = new Lines()
  let served = 0
  const logger = lines as unknown as Logger
  const peers = new PeerPort({ secret: 's', tls: undefined }, systemClock, logger, {
    snapshot: async () => {
      served++
    },
    refusesClients: () => undefined,
    client: () => {},
  })
  await peers.listen(0, '127.0.0.1', new Descriptors(logger))
  onTestFinished(() => peers.close())
  return { peers, lines, served: () => served }
}

describe('the peer port', () => {
  it('serves who knows the secret while strangers hold as many connections as they can', async () => {
    const { peers, served } = await peerPort()
    let closed = 0
    for (let i = 0; i < 300; i++) {
      const s = await connected(peers.port)
      s.on('close', () => closed++)
    }
    await until(() => closed === 300 - STRANGERS_OF_ADDRESS_MAX, 'the oldest to be closed')
    ;(await peers.ask('127.0.0.1', peers.port, { want: 'snapshot' })).destroy()
    expect(served()).toBe(1)
  })

  it('lets strangers of one address take no place of another one, which may be a slow node', async () => {
    const { peers } = await peerPort()
    const slow = await connected(peers.port, '127.0.0.2')
    let slowClosed = false
    slow.on('close', () => {
      slowClosed = true
    })
    let closed = 0
    for (let i = 0; i < 2 * STRANGERS_MAX; i++) {
      const s = await connected(peers.port)
      s.on('close', () => closed++)
    }
    await until(() => closed >= STRANGERS_MAX, 'older ones of the same address to be closed')
    expect(slowClosed).toBe(false)
  })

  it('logs so many refusals a minute, whatever comes', async () => {
    const { peers, lines } = await peerPort()
    let closed = 0
    const sent = DOOR_LINES_PER_MINUTE * 3
    for (let i = 0; i < sent; i++) {
      const s = await connected(peers.port)
      s.on('close', () => closed++).resume()
      s.write(Buffer.alloc(40 + i, i))
    }
    await until(() => closed === sent, 'all to be refused')
    // The minute may end meanwhile.
    expect(lines.seen.length).toBeLessThanOrEqual(2 * DOOR_LINES_PER_MINUTE + 1)
  })
})

function from(address: string): Socket {
  const socket = new Socket()
  Object.defineProperty(socket, 'remoteAddress', { value: address })
  return socket
}

describe('clients of a standby', () => {
  const descriptors = new Descriptors(silent)
  const listeners = { receiver: undefined, open: [], descriptors } as unknown as Listeners
  const active = (): ActiveNode => ({ node: 'a', host: '127.0.0.1', peerPort: 1 })

  it('have the active node asked for so many of them at once, however many there are', async () => {
    const asked: (() => void)[] = []
    const ask = (): Promise<Socket> =>
      new Promise((_, reject) => asked.push(() => reject(new Error('it is busy'))))
    const clock = new ManualClock()
    const relay = new Relay({ clock, logger: silent, listeners, active, ask })
    for (let i = 0; i < 3 * ASKED_MAX; i++) relay.accept(new Socket())
    await aTurn()
    expect(asked).toHaveLength(ASKED_MAX)
    for (const refuse of asked.splice(0)) refuse()
    await aTurn()
    clock.pass(50)
    await aTurn()
    expect(asked).toHaveLength(ASKED_MAX)
    relay.endRelays()
  })

  it('take turns by their addresses', async () => {
    const asked: ((peer: Socket) => void)[] = []
    const ask = (): Promise<Socket> => new Promise((resolve) => asked.push(resolve))
    const relay = new Relay({ clock: new ManualClock(), logger: silent, listeners, active, ask })
    const passed: number[] = []
    const answer = (): void => {
      for (const resolve of asked.splice(0, 1)) {
        const peer = new Duplex({
          read() {},
          // The header in front of a client's octets has its address behind 16 of them.
          write(header: Buffer, _encoding, done) {
            passed.push(header[19] as number)
            done()
          },
        })
        resolve(peer as Socket)
      }
    }
    for (let i = 0; i < 3 * ASKED_MAX; i++) relay.accept(from('10.0.0.2'))
    relay.accept(from('10.0.0.1'))
    await aTurn()
    for (let i = 0; i < ASKED_MAX + 2; i++) {
      answer()
      await aTurn()
    }
    expect(passed).toHaveLength(ASKED_MAX + 2)
    expect(passed).toContain(1)
    relay.endRelays()
  })

  it('do not wait longer for their turn than for an active node', async () => {
    const ask = (): Promise<Socket> => new Promise(() => {})
    const clock = new ManualClock()
    const relay = new Relay({ clock, logger: silent, listeners, active, ask })
    const clients = Array.from({ length: 2 * ASKED_MAX }, () => from('10.0.0.2'))
    for (const client of clients) relay.accept(client)
    for (let i = 0; i < 102; i++) {
      await aTurn()
      clock.pass(50)
    }
    await aTurn()
    expect(clients.filter((client) => client.destroyed)).toHaveLength(ASKED_MAX)
    relay.endRelays()
  })

  it('that wait are closed for others of their own address only', () => {
    const ask = (): Promise<Socket> => Promise.reject(new Error('not asked'))
    const clock = new ManualClock()
    const relay = new Relay({ clock, logger: silent, listeners, active: () => undefined, ask })
    const come = (address: string): Socket => {
      const socket = from(address)
      relay.accept(socket)
      return socket
    }
    const early = come('10.0.0.1')
    const flood = Array.from({ length: WAITING_MAX + 10 }, () => come('10.0.0.2'))
    const late = come('10.0.0.1')
    expect([early.destroyed, late.destroyed]).toEqual([false, false])
    expect(flood.filter((s) => !s.destroyed).length).toBeLessThan(WAITING_MAX)
    relay.endRelays()
  })

  it('are not read while they wait, however much each sends', async () => {
    const listener = { secure: true } as Listener
    const own = { ...listeners, open: [listener] } as unknown as Listeners
    const ask = (): Promise<Socket> => Promise.reject(new Error('not asked'))
    const clock = new ManualClock()
    const relay = new Relay({ clock, logger: silent, listeners: own, active: () => undefined, ask })
    const accepted: Socket[] = []
    const server = createServer((socket) => {
      accepted.push(socket)
      // The second one is not relayed, and read.
      if (accepted.length === 1) relay.relay(socket, listener)
      else socket.once('data', (octets) => socket.end(octets))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    for (let i = 0; i < 2; i++) {
      const client = await connected(port)
      await new Promise((resolve) => client.write('x'.repeat(10_000), resolve))
      if (i === 1) await once(client, 'data')
    }
    expect(accepted[0]?.bytesRead).toBe(0)
    relay.endRelays()
  })

  it('leave so many lines a minute in the log when there is no active node for them', async () => {
    const lines = new Lines()
    const clock = new ManualClock()
    const logger = lines as unknown as Logger
    const ask = (): Promise<Socket> => Promise.reject(new Error('not asked'))
    const relay = new Relay({ clock, logger, listeners, active: () => undefined, ask })
    for (let i = 0; i < 3 * DOOR_LINES_PER_MINUTE; i++) relay.accept(new Socket())
    for (let i = 0; i < 102; i++) {
      await aTurn()
      clock.pass(50)
    }
    await aTurn()
    expect(lines.seen).toHaveLength(DOOR_LINES_PER_MINUTE)
  })

  it('are closed for want of file descriptors until they have logged in, or until only such can be left', async () => {
    const closables: Closable[] = []
    const add = (c: Closable): number => closables.push(c)
    const clock = new ManualClock()
    const peers: Duplex[] = []
    const ask = async (): Promise<Socket> => {
      const peer = new Duplex({ read() {}, write: (_octets, _encoding, done) => done() })
      peers.push(peer)
      return peer as Socket
    }
    const own = { ...listeners, descriptors: { add } } as unknown as Listeners
    const relay = new Relay({ clock, logger: silent, listeners: own, active, ask })
    const come = async (address: string): Promise<Socket> => {
      const socket = from(address)
      relay.accept(socket)
      await aTurn()
      return socket
    }
    const closeAll = (): void => {
      for (const c of closables) while (c.oldest !== undefined) c.closeOldest()
    }
    const stranger = await come('10.0.0.1')
    const guest = await come('10.0.0.2')
    guest.write = () => true
    peers[1]?.push(TUNE)
    await aTurn()
    closeAll()
    expect([stranger.destroyed, guest.destroyed]).toEqual([true, false])
    const late = await come('10.0.0.3')
    clock.pass(HANDSHAKE_MS_MAX)
    closeAll()
    expect(late.destroyed).toBe(false)
    relay.endRelays()
  })
})
