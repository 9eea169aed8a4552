import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createWebSocketStream, WebSocket } from 'ws'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { readProxyHeader, trustedList, writeProxyHeader } from '../../src/connection/proxy-protocol.ts'
import { type Logger, oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const HOST = '127.0.0.1'
const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls = { certfile: at('server.pem'), keyfile: at('server.key') }
const ca = readFileSync(at('ca.pem'))
const LOCAL = Buffer.from('PROXY TCP4 127.0.0.9 127.0.0.1 4711 5672\r\n')

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

function v2(family: number, addresses: number[], command = 0x21): Buffer {
  const head = Buffer.from([command, family, addresses.length >> 8, addresses.length & 0xff])
  return Buffer.concat([SIGNATURE, head, Buffer.from(addresses)])
}
const V4 = v2(0x11, [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x16, 0x28])

describe('the header', () => {
  it('of both versions says who the client is', () => {
    const v1 = Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 12345 5672\r\nAMQP')
    expect(readProxyHeader(v1)).toEqual({ peer: { address: '192.0.2.7', port: 12_345 }, size: v1.length - 4 })
    expect(readProxyHeader(V4)).toEqual({ peer: { address: '192.0.2.7', port: 12_345 }, size: V4.length })
    const v6 = v2(0x21, [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, ...Array(16).fill(0), 0, 80, 0, 81])
    expect(readProxyHeader(v6)).toMatchObject({ peer: { address: '2001:db8::1', port: 80 } })
    expect(readProxyHeader(Buffer.from('PROXY UNKNOWN\r\n'))).toEqual({ peer: undefined, size: 15 })
    expect(readProxyHeader(v2(0, [], 0x20))).toEqual({ peer: undefined, size: 16 })
  })

  it.each([
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8:0:0::0001', '2001:db8::1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('has the address %s in the notation of sockets', (written, address) => {
    const v1 = Buffer.from(`PROXY TCP6 ${written} ::1 12345 5672\r\n`)
    expect(readProxyHeader(v1)).toEqual({ peer: { address, port: 12_345 }, size: v1.length })
    const relayed = writeProxyHeader({ address: written, port: 12_345 })
    expect(readProxyHeader(relayed)).toMatchObject({ peer: { address, port: 12_345 } })
  })

  it('may come in pieces, and anything else is wrong', () => {
    for (let n = 0; n < V4.length; n++) expect(readProxyHeader(V4.subarray(0, n))).toBe('more')
    expect(readProxyHeader(Buffer.from('PROXY TCP4 192.0'))).toBe('more')
    for (const text of ['AMQP\0\0\x09\x01', 'PROXY TCP4 nonsense x 1 2\r\n', `PROXY ${'x'.repeat(120)}`])
      expect(readProxyHeader(Buffer.from(text, 'latin1'))).toBe('wrong')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (b) => {
        readProxyHeader(Buffer.concat([SIGNATURE, b]))
        readProxyHeader(Buffer.from(b))
      }),
    )
  })
})

describe('trusted addresses', () => {
  it('are single ones and networks', () => {
    const trusted = trustedList(['10.0.0.0/8', '::1', '192.0.2.7'])
    expect(['10.1.2.3', '::ffff:10.1.2.3', '::1', '192.0.2.7'].every(trusted)).toBe(true)
    expect(['11.0.0.1', '192.0.2.8', 'x', ''].some(trusted)).toBe(false)
    expect(() => trustedList(['everywhere'])).toThrow('expected an address or a network')
  })
})

describe('a broker behind a balancer', () => {
  async function start(proxies: string[], logger: Logger = silent): Promise<RunningNode> {
    const listeners = [
      { port: 0, bind: HOST },
      { port: 0, bind: HOST, tls },
    ]
    const management = [{ port: 0, bind: HOST }]
    const settings = { ...defaultSettings, listeners, management, proxies }
    const leveret = await RunningNode.start(settings, oneForAll(logger))
    onTestFinished(() => leveret.close())
    return leveret
  }
  async function open(leveret: RunningNode, first?: Buffer, port = leveret.ports[0]): Promise<Socket> {
    const socket = connect(port as number, HOST)
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    for (const octet of first ?? []) socket.write(Buffer.from([octet]))
    return socket
  }

  it('knows its clients, for whom guest’s rule holds too', async () => {
    const leveret = await start(['127.0.0.1'])
    await Wire.over(await open(leveret, LOCAL))
    expect([...leveret.server.connections].map((c) => c.name)).toEqual([
      `127.0.0.9:4711 -> 127.0.0.1:${leveret.ports[0]}`,
    ])
    const far = await Wire.over(await open(leveret, V4)).catch(String)
    expect(String(far)).toContain('ACCESS_REFUSED')
  })

  it('hangs up where the header is missing, and believes nobody else', async () => {
    const leveret = await start(['127.0.0.1'])
    const bare = await open(leveret, Buffer.from('AMQP\0\0\x09\x01', 'latin1'))
    await once(bare, 'close')
    const distrusting = await start(['192.0.2.1'])
    const socket = await open(distrusting, V4)
    // Not believed: to AMQP these octets are a wrong protocol header.
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString('latin1')).toBe('AMQP\0\0\x09\x01')
    await until(() => distrusting.server.connections.size === 0)
  })

  it('believes the header before TLS, and none that the client sends within', async () => {
    const leveret = await start([HOST])
    const over = async (first?: Buffer): Promise<Socket> => {
      const below = await open(leveret, first, leveret.ports[1])
      const socket = connectTls({ socket: below, ca, servername: 'localhost' })
      socket.on('error', () => {})
      return socket
    }
    await Wire.over(await over(LOCAL))
    expect([...leveret.server.connections].map((c) => [c.tls !== undefined, c.name])).toEqual([
      [true, `127.0.0.9:4711 -> 127.0.0.1:${leveret.ports[1]}`],
    ])
    const far = await over(V4)
    far.write(LOCAL)
    // To AMQP, these octets are a wrong protocol header.
    const [answer] = (await once(far, 'data')) as [Buffer]
    expect(answer.toString('latin1')).toBe('AMQP\0\0\x09\x01')
    await until(() => leveret.server.connections.size === 1)
    expect(leveret.server.unopened.size).toBe(0)
  })

  it('says why it refuses a handshake without the header', async () => {
    const lines: string[] = []
    const leveret = await start([HOST], { ...silent, warn: (_: object, text: string) => lines.push(text) })
    const socket = connectTls({ port: leveret.ports[1] as number, host: HOST, ca })
    socket.on('error', () => {})
    await until(() => socket.closed)
    expect(lines.join()).toContain('it sends no PROXY header before the TLS handshake')
  })

  it('expects no header in a WebSocket, where only its client could have written it', async () => {
    const leveret = await start([HOST])
    const open = async (): Promise<Socket> => {
      const ws = new WebSocket(`ws://${HOST}:${leveret.managementPort}/ws/amqp`, 'amqp')
      onTestFinished(() => ws.terminate())
      await once(ws, 'open')
      return createWebSocketStream(ws) as unknown as Socket
    }
    await Wire.over(await open())
    const lying = await open()
    lying.write(LOCAL)
    const [answer] = (await once(lying, 'data')) as [Buffer]
    expect(answer.toString('latin1')).toBe('AMQP\0\0\x09\x01')
  })
})
