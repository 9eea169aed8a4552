/** The port between nodes: who gets in, copies of stores, clients that are passed on. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { MemoryReplicaStore } from '../../src/cluster/memory-store.ts'
import { type PeerListener, PeerPort, type RelayedClient } from '../../src/cluster/peer-port.ts'
import { receiveContents, sendContents } from '../../src/cluster/snapshot.ts'
import { writeProxyHeader } from '../../src/connection/proxy-protocol.ts'
import { systemClock } from '../../src/util/clock.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import { silent } from '../../src/util/logger.ts'

const HOST = '127.0.0.1'
const open: PeerPort[] = []
afterEach(async () => {
  for (const p of open.splice(0)) await p.close()
})

const nobody: PeerListener = {
  snapshot: async () => {
    throw new Error('there is none')
  },
  refusesClients: () => 'not now',
  client: () => {},
}

async function portOf(listener: Partial<PeerListener> = {}, secret = 's'): Promise<PeerPort> {
  const port = new PeerPort({ secret, tls: undefined }, systemClock, silent, { ...nobody, ...listener })
  await port.listen(0, HOST, new Descriptors(silent))
  open.push(port)
  return port
}

describe('the port between nodes', () => {
  it('refuses who does not know the secret, on both sides', async () => {
    const [a, b] = [await portOf(), await portOf({}, 'other')]
    await expect(a.ask(HOST, b.port, { want: 'snapshot' })).rejects.toThrow('another secret')
  })

  it('closes what is no node', async () => {
    const a = await portOf()
    const socket = connect(a.port, HOST)
    socket.on('error', () => {})
    socket.write(Buffer.alloc(100, 'x'))
    await once(socket, 'close')
  })

  it('says why no client can be taken', async () => {
    const [a, b] = [await portOf(), await portOf()]
    const asked = a.ask(HOST, b.port, { want: 'relay', to: 'amqp', index: 0 })
    await expect(asked).rejects.toThrow('not now')
  })

  it.each([
    ['10.1.2.3', 4711],
    ['2001:db8::7', 1],
    ['::1', 65_535],
  ])('passes a client at %s on, whoever speaks first', async (address, port) => {
    const [a, b] = [
      await portOf(),
      await portOf({
        refusesClients: () => undefined,
        client: (socket: Socket, client: RelayedClient) => {
          socket.write(`${client.to} ${client.index} ${client.address} ${client.port} `)
          socket.pipe(socket)
        },
      }),
    ]
    const socket = await a.ask(HOST, b.port, { want: 'relay', to: 'amqps', index: 2 })
    socket.write(Buffer.concat([writeProxyHeader({ address, port }), Buffer.from('hello')]))
    let text = ''
    socket.on('data', (d) => {
      text += d
    })
    while (!text.endsWith('hello')) await once(socket, 'data')
    expect(text).toBe(`amqps 2 ${address} ${port} hello`)
    socket.destroy()
  })

  it('copies a store of many megabytes, with values of all sizes', async () => {
    const store = new MemoryReplicaStore()
    for (let i = 0; i < 40; i++) {
      await store.write([
        { op: 'put', key: `k${i}`, value: Buffer.alloc(i * 10, i) },
        { op: 'segment', log: 1, segment: i, state: Buffer.from(`s${i}`) },
        {
          op: 'record',
          log: 1,
          segment: i,
          index: 0,
          bytes: new Uint8Array(i === 7 ? 5_000_000 : 250_000).fill(i),
        },
      ])
    }
    const [a, b] = [
      await portOf(),
      await portOf({
        snapshot: async (socket) => {
          await sendContents(store, socket, systemClock)
        },
      }),
    ]
    const socket = await a.ask(HOST, b.port, { want: 'snapshot' })
    const copy = new MemoryReplicaStore()
    await receiveContents(socket, copy, systemClock)
    const text = (s: MemoryReplicaStore): string[] =>
      [...s.contents()].map((w) =>
        JSON.stringify({
          ...w,
          ...('bytes' in w ? { bytes: Buffer.from(w.bytes).toString('hex').length } : {}),
        }),
      )
    expect(text(copy)).toEqual(text(store))
  })

  it('a copy that ends early is none', async () => {
    const [a, b] = [
      await portOf(),
      await portOf({ snapshot: async (socket) => void socket.write(Buffer.from([9, 0, 0, 0, 1])) }),
    ]
    const socket = await a.ask(HOST, b.port, { want: 'snapshot' })
    await expect(receiveContents(socket, new MemoryReplicaStore(), systemClock)).rejects.toThrow(
      'ended early',
    )
  })
})
