/** Requests that a standby passes on to the active node, sent by whoever reaches its HTTP port. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ASKED_MAX } from '../../src/cluster/asking.ts'
import { Forwarding } from '../../src/cluster/forwarding.ts'
import { createCluster } from '../../src/index.ts'
import { until } from '../support/until.ts'

async function client(port: number, octets: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.write(octets)
  return socket
}

const request = (more = ''): string => `GET /api/overview HTTP/1.1\r\nHost: x\r\n${more}\r\n`

async function statusOf(port: number, octets: string): Promise<string> {
  const [chunk] = await once(await client(port, octets), 'data')
  return String(chunk).slice(9, 12)
}

describe('a standby', () => {
  it('passes requests on whatever headers about their connection they have', async () => {
    const cluster = await createCluster({ failoverAfter: 400, management: true })
    onTestFinished(() => cluster.close())
    const port = cluster.nodes.find((n) => !n.active)?.managementPort as number
    await until(async () => (await statusOf(port, request())) === '401', 'the standby to pass requests on')
    for (const header of ['Trailer: X', 'TE: trailers', 'Keep-Alive: 5', 'Proxy-Connection: x', 'Upgrade: x'])
      expect(await statusOf(port, request(`${header}\r\n`)), header).toBe('401')
    const body = request('Trailer: X\r\nContent-Length: 2\r\n')
    expect(await statusOf(port, `${body}{}`)).toBe('401')
  })
})

interface Standby {
  readonly port: number
  /** Those for whom the active node is asked; a call lets it refuse. */
  readonly asked: (() => void)[]
  readonly connections: () => Promise<number>
}

async function standby(): Promise<Standby> {
  const asked: (() => void)[] = []
  const forwarding = new Forwarding({
    active: () => ({ node: 'a', host: '127.0.0.1', peerPort: 1 }),
    ask: () => new Promise((_, reject) => asked.push(() => reject(new Error('it is busy')))),
  })
  const server = createServer((q, response) => forwarding.forward(q, response, false))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const connections = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
  return { port: (server.address() as AddressInfo).port, asked, connections }
}

describe('the active node', () => {
  it('is asked for one request of a connection after the other, even if they come in one packet', async () => {
    const { port, asked } = await standby()
    let answers = 0
    const socket = await client(port, request().repeat(20))
    socket.on('data', (chunk) => {
      answers += String(chunk).split('it is busy').length - 1
    })
    for (let i = 1; i <= 20; i++) {
      await until(() => asked.length === 1, 'a request to be passed on')
      asked.pop()?.()
      await until(() => answers === i, 'its answer')
      expect(asked.length).toBeLessThanOrEqual(1)
    }
  })

  it('is asked for so many requests at once, however many there are, and for none of clients that left', async () => {
    const { port, asked, connections } = await standby()
    const all: Socket[] = []
    for (let i = 0; i < ASKED_MAX + 20; i++) all.push(await client(port, request()))
    await until(() => asked.length >= ASKED_MAX, 'the active node to be asked')
    for (const socket of all.slice(ASKED_MAX, -1)) socket.destroy()
    await until(async () => (await connections()) === ASKED_MAX + 1, 'clients to have left')
    expect(asked).toHaveLength(ASKED_MAX)
    for (const refuse of asked.splice(0)) refuse()
    await until(() => asked.length === 1, 'the client that is left')
  })
})
