/** Whoever can reach a port may send anything and vanish: the process hears it all and goes on. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/port.ts'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import { cameTrue, until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const certificates = join(import.meta.dirname, '../support/certificates')
const dir = mkdtempSync(join(tmpdir(), 'leveret-junk-'))
let broker: BrokerProcess
const ports: Record<string, number> = {}

beforeAll(async () => {
  ports['AMQP over TLS'] = await freePort()
  const config = join(dir, 'leveret.conf')
  writeFileSync(
    config,
    [
      `listeners.ssl.1 = 127.0.0.1:${ports['AMQP over TLS']}`,
      `ssl_options.certfile = ${certificates}/server.pem`,
      `ssl_options.keyfile = ${certificates}/server.key`,
      `ssl_options.cacertfile = ${certificates}/ca.pem`,
    ].join('\n'),
  )
  const more = ['--management-port', '0', '--metrics-port', '0', '--config', config]
  broker = await startProcess(join(dir, 'data'), 0, more)
  ports['AMQP'] = broker.port
  ports['management'] = broker.managementPort as number
  ports['metrics'] = broker.metricsPort as number
})
afterAll(async () => {
  await broker.stop('SIGTERM')
  rmSync(dir, { recursive: true, force: true })
})

function upgrade(target: string, ...more: string[]): string {
  const lines = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', ...more]
  return `GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

const KEY = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
const junk: Record<string, string> = {
  'an upgrade with a URL that does not parse': upgrade('//', KEY),
  'an upgrade to another path': upgrade('/elsewhere', KEY),
  'an upgrade to a URL with a bad port': upgrade('http://x:99999999/ws', KEY),
  'an upgrade without a key': upgrade('/ws'),
  'an upgrade with frames behind it': `${upgrade('/ws/amqp', KEY)}\xff\xff\xff\xff\xff\xff\xff\xff`,
  'an upgrade with a body': `${upgrade('/elsewhere', KEY, 'Content-Length: 5')}hello`,
  'an upgrade to another protocol': upgrade('/ws', KEY).replace('websocket', 'h2c'),
  'a request for //': 'GET // HTTP/1.1\r\nHost: x\r\n\r\n',
  'a request with a bad escape': 'GET /metrics/%zz?name=%zz HTTP/1.1\r\nHost: x\r\n\r\n',
  'a CONNECT': 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
  'no HTTP at all': '\x16\x03\x01\xff\xff\x00\x00AMQP\x00\x00\x09\x01',
  'half a request': 'POST /api/queues HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{',
  'the protocol header, then junk': 'AMQP\x00\x00\x09\x01\xff\xff\xff\xff\xff\xff\xff\xff',
  'a PROXY header': 'PROXY TCP4 999.1.1.1 x 99999999 -1\r\n',
}

/** Sends it and ends with a reset: at once, or once something has come back. */
async function send(port: number, text: string, reset: 'at once' | 'after the answer'): Promise<void> {
  const socket: Socket = connect(port, '127.0.0.1')
  let answered = false
  let closed = false
  socket.on('data', () => {
    answered = true
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  await once(socket, 'connect')
  await new Promise<void>((resolve) => socket.write(text, 'latin1', () => resolve()))
  // Some junk is answered by silence until more comes: then a moment is all it gets.
  if (reset === 'after the answer') {
    await cameTrue(() => answered || closed, 300)
  }
  socket.resetAndDestroy()
  await until(() => closed)
}

describe.each(['management', 'metrics', 'AMQP', 'AMQP over TLS'])('the %s port', (which) => {
  it.each(Object.entries(junk))('outlives %s', async (_what, text) => {
    const port = ports[which] as number
    for (let i = 0; i < 20; i++) await send(port, text, 'at once')
    await send(port, text, 'after the answer')
    expect(broker.child.exitCode).toBe(null)
    const w = await Wire.open(broker.url)
    await w.close()
  })
})

it('an upgrade to another path is answered and closed, though the client keeps its end open', async () => {
  const socket = connect({ port: ports['management'] as number, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  socket.on('data', (b) => {
    text += b
  })
  const ended = once(socket, 'end')
  socket.write(upgrade('/elsewhere', KEY))
  await ended
  expect(text).toContain('404')
  socket.destroy()
})

it('a log whose reader has gone is no reason to stop', async () => {
  const own = mkdtempSync(join(tmpdir(), 'leveret-log-'))
  const other = await startProcess(own)
  try {
    other.child.stdout?.destroy()
    for (let i = 0; i < 20; i++) await (await Wire.open(other.url)).close()
    expect(other.child.exitCode).toBe(null)
  } finally {
    expect(await other.stop('SIGTERM')).toBe(0)
    rmSync(own, { recursive: true, force: true })
  }
})
