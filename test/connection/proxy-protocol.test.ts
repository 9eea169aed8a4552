import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { readProxyHeader, trustedList } from '../../src/connection/proxy-protocol.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

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
    expect(readProxyHeader(v6)).toMatchObject({ peer: { address: '2001:db8:0:0:0:0:0:1', port: 80 } })
    expect(readProxyHeader(Buffer.from('PROXY UNKNOWN\r\n'))).toEqual({ peer: undefined, size: 15 })
    expect(readProxyHeader(v2(0, [], 0x20))).toEqual({ peer: undefined, size: 16 })
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
  async function start(proxies: string[]): Promise<RunningNode> {
    const listeners = [{ port: 0, bind: '127.0.0.1' }]
    const leveret = await RunningNode.start({ ...defaultSettings, listeners, proxies }, oneForAll(silent))
    onTestFinished(() => leveret.close())
    return leveret
  }
  async function open(leveret: RunningNode, first?: Buffer): Promise<Socket> {
    const socket = connect(leveret.ports[0] as number, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    for (const octet of first ?? []) socket.write(Buffer.from([octet]))
    return socket
  }

  it('knows its clients, for whom guest’s rule holds too', async () => {
    const leveret = await start(['127.0.0.1'])
    const local = Buffer.from('PROXY TCP4 127.0.0.9 127.0.0.1 4711 5672\r\n')
    await Wire.over(await open(leveret, local))
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
})
