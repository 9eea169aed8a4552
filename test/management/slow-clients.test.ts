/** HTTP clients that leave off in the middle of a request or of an answer. */
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { SEND_MS_MAX } from '../../src/limits.ts'
import { dropSlowClients } from '../../src/management/slow-clients.ts'
import { until } from '../support/until.ts'

const TIMEOUT_MS = 200

interface Client {
  readonly socket: Socket
  closed: boolean
  received: number
  text: string
}

function client(port: number, request: string): Client {
  const socket = connect(port, '127.0.0.1', () => socket.write(request))
  const c: Client = { socket, closed: false, received: 0, text: '' }
  socket.on('error', () => {})
  socket.on('close', () => {
    c.closed = true
  })
  socket.on('data', (chunk) => {
    c.received += chunk.length
    c.text += chunk.toString('latin1', 0, 1000)
  })
  onTestFinished(() => void socket.destroy())
  return c
}

async function serve(handler: RequestListener): Promise<{ port: number; open: Set<Socket> }> {
  const server = createServer(handler)
  dropSlowClients(server, TIMEOUT_MS)
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, open }
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

it.each(['managementPort', 'metricsPort'] as const)(
  'the %s keeps connections for the next request',
  async (which) => {
    const broker = await createBroker({ port: 0, managementPort: 0, metricsPort: 0 })
    onTestFinished(() => broker.close())
    const path = which === 'managementPort' ? '/' : '/metrics'
    const { headers } = await fetch(`http://127.0.0.1:${broker[which]}${path}`)
    expect(headers.get('keep-alive')).toBe(`timeout=${SEND_MS_MAX / 1000}`)
  },
)

describe('a client of HTTP', () => {
  it('that never reads a long answer is dropped', async () => {
    const { port, open } = await serve((_, response) => void response.end(Buffer.alloc(50_000_000)))
    const c = client(port, GET)
    await until(() => c.received > 0, 'the answer')
    c.socket.pause()
    await until(() => open.size === 0, 'the end of the connection')
  })

  it('waits for an answer that takes its time', async () => {
    const { port } = await serve((_, response) => {
      // As long as the socket may be silent, and then as long again, twice.
      let silences = 0
      response.on('timeout', () => {
        if (++silences === 1) response.setTimeout(2 * TIMEOUT_MS)
        else response.end('at last')
      })
    })
    const c = client(port, GET)
    await until(() => c.text.includes('at last'), 'the answer')
  })
})

describe.each(['management', 'metrics'] as const)('the port for %s', (what) => {
  it.each([
    ['says nothing', ''],
    ['never ends its headers', 'GET /api/overview HTTP/1.1\r\nHost: x\r\nAuth'],
    [
      'never ends its body',
      `POST /api/definitions HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${btoa('guest:guest')}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    ],
  ])('drops a client that %s', async (_, request) => {
    const broker = await createBroker({
      port: 0,
      managementPort: 0,
      metricsPort: 0,
      limits: { sendTimeoutMs: TIMEOUT_MS },
    })
    onTestFinished(() => broker.close())
    const port = what === 'metrics' ? broker.metricsPort : broker.managementPort
    const c = client(port as number, request)
    await until(() => c.closed, 'the end of the connection')
    expect(c.text).not.toContain('200 OK')
  })
})
