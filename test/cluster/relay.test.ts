/** Clients that come to a standby, over everything that a node listens for, with TLS between the nodes. */
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectPlain, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createWebSocketStream, WebSocket } from 'ws'
import { PeerPort } from '../../src/cluster/peer-port.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Settings } from '../../src/config/settings.ts'
import { TestCluster } from '../../src/embedding/test-cluster.ts'
import { MethodId, PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { systemClock } from '../../src/util/clock.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import type { TlsSettings } from '../../src/util/tls.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const HOST = '127.0.0.1'
const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls: TlsSettings = { certfile: at('server.pem'), keyfile: at('server.key'), cacertfile: at('ca.pem') }
const ca = readFileSync(at('ca.pem'))
const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
const BODY = Buffer.alloc(300_000, 'x')

/** Two nodes; the ports of the standby, by what it speaks there. */
async function standby(
  more: Partial<Settings> = {},
  peerTls = tls,
): Promise<{ cluster: TestCluster; amqp: number; amqps: number; https: number }> {
  const settings = {
    ...defaultSettings,
    ...more,
    listeners: [
      { port: 0, bind: HOST },
      { port: 0, bind: HOST, tls },
    ],
    management: [{ port: 0, bind: HOST, tls }],
    metrics: [],
  }
  const loggers = oneForAll(silent)
  const parts = { settings, loggers, failoverAfterMs: 5000, peerTls }
  const cluster = await TestCluster.start(['a', 'b'], parts, (port) => `amqp://${HOST}:${port}`)
  onTestFinished(() => cluster.close())
  const node = cluster.nodes.find((n) => !n.active) as unknown as {
    node: { ports: readonly [number, number]; managementPort: number }
  }
  const [amqp, amqps] = node.node.ports
  return { cluster, amqp, amqps, https: node.node.managementPort }
}

async function thereAndBack(w: Wire): Promise<void> {
  await w.channel(1)
  await w.call(1, MethodId.QueueDeclare, { queue: 'q', durable: true }, MethodId.QueueDeclareOk)
  await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
  w.publish(1, { routingKey: 'q', body: BODY, properties: { deliveryMode: 2 } })
  await w.expect(1, MethodId.BasicAck)
  await w.call(1, MethodId.BasicConsume, { queue: 'q', noAck: true }, MethodId.BasicConsumeOk)
  expect((await w.receive(1, MethodId.BasicDeliver)).body?.equals(BODY)).toBe(true)
}

async function secure(port: number, socket = connectTls({ host: HOST, port, ca })): Promise<TLSSocket> {
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

function get(port: number, path: string, headers = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const r = request({ host: HOST, port, path, ca, headers: { authorization, ...headers } }, (answer) => {
      let body = ''
      answer.on('data', (b) => {
        body += b
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
    })
    r.once('error', reject)
    r.end()
  })
}

describe('a client of a standby, with TLS between the nodes', () => {
  it('speaks AMQP, and is seen with its own address', async () => {
    const { amqp, https } = await standby()
    const socket = connectPlain(amqp, HOST)
    onTestFinished(() => void socket.destroy())
    await thereAndBack(await Wire.over(socket))
    const list = JSON.parse((await get(https, '/api/connections')).body) as { peer_port: number }[]
    expect(list.map((c) => c.peer_port)).toEqual([socket.localPort])
  })

  it('speaks AMQPS: its TLS ends at the active node', async () => {
    const { amqps, https } = await standby()
    const socket = await secure(amqps)
    await thereAndBack(await Wire.over(socket))
    const list = JSON.parse((await get(https, '/api/connections')).body) as {
      ssl: boolean
      peer_port: number
    }[]
    expect(list.map((c) => [c.ssl, c.peer_port])).toEqual([[true, socket.localPort]])
  })

  it('speaks AMQP over a secure WebSocket', async () => {
    const { https } = await standby()
    const ws = new WebSocket(`wss://${HOST}:${https}/ws/amqp`, 'amqp', { ca })
    onTestFinished(() => ws.terminate())
    await once(ws, 'open')
    await thereAndBack(await Wire.over(createWebSocketStream(ws) as unknown as Socket))
  })

  it('is not on the same machine if it is a page from elsewhere', async () => {
    const { https } = await standby()
    const origin = 'https://example.org'
    const ws = new WebSocket(`wss://${HOST}:${https}/ws/amqp`, 'amqp', { ca, origin })
    onTestFinished(() => ws.terminate())
    await once(ws, 'open')
    const login = Wire.over(createWebSocketStream(ws) as unknown as Socket)
    await expect(login).rejects.toThrow('ACCESS_REFUSED')
  })

  it('is not logged in with the certificate of the standby', async () => {
    const login = { ...defaultSettings.login, mechanisms: ['PLAIN', 'EXTERNAL'] as const }
    const { amqp, https } = await standby({ login }, { ...tls, verifyPeer: true })
    const socket = connectPlain(amqp, HOST)
    onTestFinished(() => void socket.destroy())
    socket.write(PROTOCOL_HEADER)
    const [start] = (await once(socket, 'data')) as [Buffer]
    expect(start.toString('latin1')).toMatch(/PLAIN\0/)
    const other = connectPlain(amqp, HOST)
    onTestFinished(() => void other.destroy())
    await Wire.over(other)
    const list = JSON.parse((await get(https, '/api/connections')).body) as Record<string, unknown>[]
    expect(list.map((c) => [c['ssl'], c['peer_cert_subject']])).toEqual([[false, null]])
  })

  it('may come over a load balancer, whose header is only believed where balancers send it', async () => {
    const { amqp, amqps, https } = await standby({ proxies: [HOST] })
    const header = (n: number): string => `PROXY TCP4 127.0.0.${n} 127.0.0.1 4711 5672\r\n`
    const plain = connectPlain(amqp, HOST)
    onTestFinished(() => void plain.destroy())
    plain.write(header(7))
    await Wire.over(plain)
    const below = connectPlain(amqps, HOST)
    below.write(header(8))
    await Wire.over(await secure(amqps, connectTls({ socket: below, ca, servername: 'localhost' })))
    const ws = new WebSocket(`wss://${HOST}:${https}/ws/amqp`, 'amqp', { ca })
    onTestFinished(() => ws.terminate())
    await once(ws, 'open')
    await Wire.over(createWebSocketStream(ws) as unknown as Socket)
    const list = JSON.parse((await get(https, '/api/connections')).body) as { peer_host: string }[]
    expect(list.map((c) => c.peer_host).sort()).toEqual(['127.0.0.1', '127.0.0.7', '127.0.0.8'])
  })

  it('uses the HTTP API of the active node', async () => {
    const { amqps, https } = await standby()
    const w = await Wire.over(await secure(amqps))
    await w.channel(1)
    await w.call(1, MethodId.QueueDeclare, { queue: 'seen' }, MethodId.QueueDeclareOk)
    const { status, body } = await get(https, '/api/queues')
    expect(status).toBe(200)
    expect((JSON.parse(body) as { name: string }[]).map((q) => q.name)).toEqual(['seen'])
    expect((await get(https, '/api/queues/%2F/not-there')).status).toBe(404)
    expect((await get(https, '/api/queues', { origin: 'https://example.org' })).status).toBe(401)
  })
})

describe('certificates of the port between nodes', () => {
  /** A folder whose certificate can be replaced. */
  function folder(): { dir: string; tls: TlsSettings; put(cert: string, key: string): void } {
    const dir = mkdtempSync(join(tmpdir(), 'leveret-peer-tls-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const own = { certfile: join(dir, 'c.pem'), keyfile: join(dir, 'k.pem'), cacertfile: at('ca.pem') }
    const put = (cert: string, key: string): void => {
      copyFileSync(at(cert), own.certfile)
      copyFileSync(at(key), own.keyfile)
    }
    put('server.pem', 'server.key')
    return { dir, tls: own, put }
  }

  async function subject(port: number): Promise<string> {
    const socket = await secure(port)
    const { subject: s } = socket.getPeerCertificate()
    socket.destroy()
    return String(s.CN)
  }

  it('are used anew when their files have changed, and as they were while the files do not fit', async () => {
    const f = folder()
    const lines: string[] = []
    const logger = { ...silent, warn: (_: object, text: string) => lines.push(text) }
    const nobody = { snapshot: async () => {}, refusesClients: () => 'not now', client: () => {} }
    const peer = new PeerPort({ secret: 's', tls: f.tls }, systemClock, logger as typeof silent, nobody)
    const port = await peer.listen(0, HOST, new Descriptors(silent))
    onTestFinished(() => peer.close())
    const first = await subject(port)
    const ask = peer.ask(HOST, port, { want: 'relay', to: 'amqp', index: 0 })
    await expect(ask).rejects.toThrow('not now')
    writeFileSync(f.tls.certfile, 'half of a certificate')
    await until(async () => (await subject(port)) === first && lines.length > 0, 'the complaint')
    f.put('client.pem', 'client.key')
    const other = async (): Promise<boolean> => {
      const socket = connectTls({ host: HOST, port, ca, checkServerIdentity: () => undefined })
      socket.on('error', () => {})
      await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')])
      const name = socket.destroyed ? first : String(socket.getPeerCertificate().subject.CN)
      socket.destroy()
      return name !== first
    }
    await until(other, 'the new certificate')
  })
})
