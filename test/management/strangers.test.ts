/** HTTP requests that have not logged in, and WebSockets: they keep nobody else out. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { HTTP_CONNECTIONS_MAX } from '../../src/limits.ts'
import {
  HTTP_CLOSING_MAX,
  HTTP_STRANGERS_MAX,
  HttpConnections,
} from '../../src/management/http-connections.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import { silent } from '../../src/util/logger.ts'
import { until } from '../support/until.ts'

const LOGIN =
  'POST /api/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{'
async function start(): Promise<{ port: number; open: (first: string, from?: string) => Promise<Socket> }> {
  const broker = await createBroker({ port: 0, managementPort: 0 })
  onTestFinished(() => broker.close())
  const port = broker.managementPort as number
  const open = async (first: string, localAddress = '127.0.0.1'): Promise<Socket> => {
    const s = connect({ port, host: '127.0.0.1', localAddress }).resume()
    s.on('error', () => {})
    onTestFinished(() => void s.destroy())
    await once(s, 'connect')
    s.write(first)
    return s
  }
  return { port, open }
}

async function overview(port: number): Promise<number> {
  const headers = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` }
  return (await fetch(`http://127.0.0.1:${port}/api/overview`, { headers })).status
}

it('requests whose bodies do not come are closed, the oldest first, when there are too many', async () => {
  const { port, open } = await start()
  const other = await open(LOGIN, '127.0.0.2')
  const sockets: Socket[] = []
  for (let i = 0; i < HTTP_CONNECTIONS_MAX + 10; i++) sockets.push(await open(LOGIN))
  const share = (HTTP_STRANGERS_MAX * 3) / 4
  await until(() => sockets.filter((s) => !s.closed).length <= share, 'the oldest to be closed')
  expect(await overview(port)).toBe(200)
  expect(sockets.slice(-10).every((s) => !s.closed)).toBe(true)
  expect(other.closed).toBe(false)
})

it('requests of a user that never end keep nobody at another address out, however many they are', async () => {
  const { port, open } = await start()
  const body = `Authorization: Basic ${btoa('guest:guest')}\r\nContent-Length: 60000\r\n\r\n{`
  expect(await overview(port)).toBe(200)
  const sockets: Socket[] = []
  const come = async (): Promise<number> =>
    sockets.push(await open(`PUT /api/queues/%2f/q HTTP/1.1\r\nHost: x\r\n${body}`, '127.0.0.2'))
  // One connection is kept for the request before.
  for (let i = 1; i < HTTP_CONNECTIONS_MAX; i++) await come()
  const other = await open(`GET /api/whoami HTTP/1.1\r\nHost: x\r\n\r\n`)
  expect(String(await once(other, 'data'))).toMatch(/^HTTP\/1.1 401/)
  await until(() => sockets.some((s) => s.closed), 'one to be closed')
  expect(sockets.filter((s) => s.closed).length).toBeLessThan(10)
  // Of their own address, they close no other one.
  for (let i = 0; i < 20; i++) await come()
  await until(() => sockets.slice(-10).every((s) => s.closed), 'further ones to be closed')
})

it('WebSockets do not count among the connections of the HTTP port', () => {
  const server = createServer()
  const connections = new HttpConnections(server, new Descriptors(silent))
  const socket = new Socket()
  connections.release(socket)
  expect(server.maxConnections).toBe(HTTP_CONNECTIONS_MAX + HTTP_CLOSING_MAX + 1)
  socket.emit('close', false)
  expect(server.maxConnections).toBe(HTTP_CONNECTIONS_MAX + HTTP_CLOSING_MAX)
})
