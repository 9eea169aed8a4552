/** Whoever is at the other end chooses the group of a key exchange, without a login: the largest take 0.15 to 1 s in one turn. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { connect, createSecureContext, TLSSocket } from 'node:tls'
import { generateKeyPair, SignJWT } from 'jose'
import { expect, it, onTestFinished } from 'vitest'
import { connectPatiently } from '../../src/cluster/nats-connect.ts'
import { PeerPort } from '../../src/cluster/peer-port.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { OAuth } from '../../src/security/oauth.ts'
import { systemClock } from '../../src/util/clock.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { oauthDefaults } from '../support/oauth-settings.ts'
import { RunningNode } from '../support/running-node.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls = {
  certfile: at('server.pem'),
  keyfile: at('server.key'),
  hosts: [{ host: 'other.test', certfile: at('client.pem'), keyfile: at('client.key') }],
}

function outcomeOf(port: number, servername: string, ecdhCurve: string): Promise<string> {
  const options = { port, host: '127.0.0.1', servername, ecdhCurve, minVersion: 'TLSv1.3' } as const
  const socket = connect({ ...options, rejectUnauthorized: false })
  onTestFinished(() => void socket.destroy())
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve('connected'))
    socket.once('error', () => resolve('refused'))
  })
}

it('a listener exchanges keys over elliptic curves only, for each host name, also after a reload', async () => {
  const listener = { port: 0, bind: '127.0.0.1', tls }
  const settings = { ...defaultSettings, listeners: [listener], management: [listener], metrics: [listener] }
  const leveret = await RunningNode.start(settings, oneForAll(silent))
  onTestFinished(() => leveret.close())
  for (const _ of ['before', 'after a reload']) {
    for (const port of [leveret.ports[0], leveret.managementPort, leveret.metricsPort] as number[])
      for (const host of ['localhost', 'other.test']) {
        expect(await outcomeOf(port, host, 'ffdhe8192')).toBe('refused')
        expect(await outcomeOf(port, host, 'P-384')).toBe('connected')
        expect(await outcomeOf(port, host, 'ffdhe8192:X25519')).toBe('connected')
      }
    leveret.reload(leveret.settings)
  }
})

/** A server that exchanges keys with a prime of its own, and what became of a client. */
async function withPrime(greeting = ''): Promise<{ port: number; outcome: Promise<string> }> {
  const secureContext = createSecureContext({
    cert: readFileSync(at('rsa.pem')),
    key: readFileSync(at('rsa.key')),
    dhparam: 'auto',
    ciphers: 'DHE-RSA-AES128-GCM-SHA256',
    maxVersion: 'TLSv1.2',
  })
  const server = createServer()
  onTestFinished(() => void server.close())
  const outcome = new Promise<string>((resolve) => {
    server.on('connection', (plain) => {
      plain.on('error', () => {})
      onTestFinished(() => void plain.destroy())
      plain.write(greeting)
      const socket = new TLSSocket(plain, { isServer: true, secureContext })
      socket.once('secure', () => resolve('connected'))
      socket.once('error', (error) => resolve(error.message))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, outcome }
}

it('the peer port likewise, and as a client of another one', async () => {
  const peer = { ...tls, cacertfile: at('ca.pem') }
  const listener = { snapshot: async () => {}, refusesClients: () => 'not now', client: () => {} }
  const port = new PeerPort({ secret: 's', tls: peer }, systemClock, silent, listener)
  onTestFinished(() => port.close())
  await port.listen(0, '127.0.0.1', new Descriptors(silent))
  expect(await outcomeOf(port.port, 'localhost', 'ffdhe8192')).toBe('refused')
  expect(await outcomeOf(port.port, 'localhost', 'X25519')).toBe('connected')
  const other = await withPrime()
  await expect(port.ask('127.0.0.1', other.port, { want: 'snapshot' })).rejects.toThrow('handshake failure')
  expect(await other.outcome).toContain('no shared cipher')
})

it('a peer port may allow only ciphers of TLS 1.3', async () => {
  const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384'
  const peer = { ...tls, ciphers, cacertfile: at('ca.pem') }
  const listener = { snapshot: async () => {}, refusesClients: () => 'not now', client: () => {} }
  const port = new PeerPort({ secret: 's', tls: peer }, systemClock, silent, listener)
  onTestFinished(() => port.close())
  await port.listen(0, '127.0.0.1', new Descriptors(silent))
  expect(await outcomeOf(port.port, 'localhost', 'X25519')).toBe('connected')
})

it('a client of NATS likewise', async () => {
  const info = { version: '2.10.23', max_payload: 1_048_576, tls_required: true, proto: 1 }
  const nats = await withPrime(`INFO ${JSON.stringify(info)}\r\n`)
  const settings = { cluster: 'c', node: 'a', replicas: 1, credentials: undefined, tls: { ca: at('ca.pem') } }
  const urls = [`tls://127.0.0.1:${nats.port}`]
  await expect(
    connectPatiently({ ...settings, urls }, systemClock, silent, AbortSignal.abort()),
  ).rejects.toThrow()
  expect(await nats.outcome).toContain('no shared cipher')
})

it('a client of an identity provider likewise', async () => {
  const idp = await withPrime()
  const oauth = new OAuth({ ...oauthDefaults, jwks: `https://127.0.0.1:${idp.port}/keys` })
  const { privateKey } = await generateKeyPair('ES256')
  const token = await new SignJWT({ sub: 'app' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  expect(await oauth.verify(token, 'a')).toBeUndefined()
  expect(await idp.outcome).toContain('no shared cipher')
})
