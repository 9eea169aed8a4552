/** Connections on which nobody has logged in: they keep nobody else out. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { Unopened, type Waiting } from '../../src/connection/unopened.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

class Client implements Waiting {
  readonly name: string
  closed = false
  constructor(name: string) {
    this.name = name
  }
  destroy(): void {
    this.closed = true
  }
}

describe('connections that are not open', () => {
  function make(all: number, perAddress: number) {
    let now = 0
    const closed: string[] = []
    const unopened = new Unopened(
      () => ({ all, perAddress }),
      () => ++now,
      (address) => closed.push(address),
    )
    const come = (address: string): Client => {
      const c = new Client(address)
      unopened.add(c, address)
      return c
    }
    return { unopened, come, closed }
  }

  it('of one address make room for each other when they are its share', () => {
    const { come, unopened } = make(10, 2)
    const [a, b, c] = [come('x'), come('x'), come('x')]
    expect([a?.closed, b?.closed, c?.closed, unopened.size]).toEqual([true, false, false, 2])
    expect(come('y').closed).toBe(false)
  })

  it('go from the address with the most, the oldest first', () => {
    const { come, closed, unopened } = make(4, 4)
    const alone = come('alone')
    const many = [come('many'), come('many'), come('many')]
    come('new')
    expect([alone.closed, many.map((m) => m.closed)]).toEqual([false, [true, false, false]])
    expect([closed, unopened.oldest]).toEqual([['many'], 3])
  })

  it('are counted where their load balancer says that they come from', () => {
    const { come, unopened } = make(10, 2)
    const clients = [1, 2, 3, 4].map((n) => {
      const c = come('balancer')
      unopened.moved(c, `client ${n}`)
      return c
    })
    expect(clients.some((c) => c.closed)).toBe(false)
    const gone = come('balancer')
    unopened.remove(gone)
    unopened.moved(gone, 'late')
    expect(unopened.size).toBe(4)
  })

  it('never are more than the bounds say, and the address with the most pays', () => {
    const step = fc.record({
      address: fc.constantFrom('a', 'b', 'c', 'd'),
      leaves: fc.boolean(),
      at: fc.nat(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { come, unopened } = make(8, 5)
        const all: Client[] = []
        const there = (): Client[] => all.filter((c) => !c.closed)
        const of = (address: string): number => there().filter((c) => c.name === address).length
        for (const { address, leaves, at } of steps) {
          const now = there()
          const gone = now[at % Math.max(1, now.length)]
          if (leaves && gone !== undefined) {
            unopened.remove(gone)
            all.splice(all.indexOf(gone), 1)
            continue
          }
          const most = Math.max(0, ...['a', 'b', 'c', 'd'].map(of))
          const before = new Map(['a', 'b', 'c', 'd'].map((n) => [n, of(n)]))
          all.push(come(address))
          for (const [n, count] of before) if (n !== address && of(n) < count) expect(count).toBe(most)
        }
        expect(unopened.size).toBe(there().length)
        expect(there().length).toBeLessThanOrEqual(8)
        for (const n of ['a', 'b', 'c', 'd']) expect(of(n)).toBeLessThanOrEqual(5)
      }),
    )
  })
})

const FROM = { idle: '127.0.0.2', client: '127.0.0.3' }

async function open(port: number, localAddress: string, first?: Buffer): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  if (first !== undefined) socket.write(first)
  return socket
}

describe('a broker to which idle connections come without end', () => {
  async function start(proxies?: string[]): Promise<{ leveret: RunningNode; port: number }> {
    const settings = {
      ...defaultSettings,
      listeners: [{ port: 0, bind: '127.0.0.1' }],
      limits: { ...defaultSettings.limits, unauthenticated: 40 },
      proxies,
    }
    const leveret = await RunningNode.start(settings, oneForAll(silent))
    onTestFinished(() => leveret.close())
    return { leveret, port: leveret.ports[0] as number }
  }

  it('from one address lets everybody in, that address too', async () => {
    const { leveret, port } = await start()
    const idle = await Promise.all(Array.from({ length: 200 }, () => open(port, FROM.idle)))
    await until(() => leveret.server.connections.size === 30, 'its share')
    for (const from of [FROM.client, FROM.idle]) await Wire.over(await open(port, from))
    await until(() => idle.filter((s) => !s.closed).length === 29, 'the oldest to go')
    expect(idle.slice(-20).every((s) => !s.closed)).toBe(true)
  })

  it('counts what comes over a load balancer by who is behind it', async () => {
    const { leveret, port } = await start([FROM.client])
    const header = (address: string): Buffer => Buffer.from(`PROXY TCP4 ${address} 127.0.0.1 4711 5672\r\n`)
    for (let i = 0; i < 60; i++) await open(port, FROM.client, header('127.0.0.9'))
    await until(() => leveret.server.connections.size === 30, 'its share')
    const wire = await Wire.over(await open(port, FROM.client, header('127.0.0.10')))
    expect(wire.closed).toBe(false)
    await until(() => leveret.server.unopened.size === 30)
  })
})
