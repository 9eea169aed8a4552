/** Answers of the active node that end a forwarded request early, or that are not what a broker answers. */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Forwarding } from '../../src/cluster/forwarding.ts'
import { createCluster } from '../../src/index.ts'
import { until } from '../support/until.ts'

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Sends the octets, and then zeros until the connection ends. @returns what was answered */
async function sending(port: number, octets: string, zeros = true): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => {})
  const chunk = Buffer.alloc(65_536, '0')
  const more = (): void => {
    if (zeros) while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  socket.write(octets)
  more()
  await new Promise((resolve) => socket.on('close', resolve))
  return answer
}

const post = (path: string, length: number, more = ''): string =>
  `POST /api/${path} HTTP/1.1\r\nHost: x\r\n${more}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

describe('a standby', () => {
  it('ends the connection of a client whose body the active node refuses, with the reason', async () => {
    const cluster = await createCluster({ failoverAfter: 400, management: true })
    onTestFinished(() => cluster.close())
    const port = cluster.nodes.find((n) => !n.active)?.managementPort as number
    const login = 'Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n'
    await until(
      async () =>
        /^HTTP\/1.1 4/.test(await sending(port, post('nowhere', 2, `${login}Connection: close\r\n`))),
      'the standby to pass requests on',
    )
    for (const [path, more] of [
      ['definitions', login],
      ['login', ''],
    ] as const)
      expect(await sending(port, post(path, 2 ** 40, more)), path).toMatch(/^HTTP\/1.1 413 /)
  })

  it.each([
    ['nothing', ''],
    ['another protocol', 'AMQP\0\0\x09\x01'],
    [
      'a change to another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    ],
    ['a status that does not exist', 'HTTP/1.1 000 Nothing\r\n\r\n'],
    ['a status that does not exist', 'HTTP/1.1 1000 Much\r\n\r\n'],
    ['half a header', 'HTTP/1.1 200 OK\r\nContent-'],
  ])('answers that the active node cannot be reached if that one answers %s', async (_, answer) => {
    const active = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(Buffer.from(answer, 'latin1')))
    })
    const at = await portOf(active)
    const forwarding = new Forwarding({
      active: () => ({ node: 'a', host: '127.0.0.1', peerPort: at }),
      ask: async (host, port) => {
        const socket = connect(port, host)
        socket.on('error', () => {})
        await once(socket, 'connect')
        return socket
      },
    })
    const own = createHttpServer((q, response) => forwarding.forward(q, response, false))
    const port = await portOf(own)
    const get = 'GET /api/overview HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    expect(await sending(port, get, false)).toMatch(/^HTTP\/1.1 503 .*the active node cannot be reached/s)
    expect(await sending(port, post('definitions', 2 ** 40))).toMatch(/^HTTP\/1.1 503 /)
  })
})
