/** Which certificates of clients are taken where they are checked, on every port. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type Logger, oneForAll, silent } from '../../src/util/logger.ts'
import type { TlsSettings } from '../../src/util/tls.ts'
import { RunningNode } from '../support/running-node.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const files = { certfile: at('server.pem'), keyfile: at('server.key'), cacertfile: at('chain/root.pem') }
const key = readFileSync(at('chain/client.key'))
/** With so many authorities between them and the one that is trusted. */
const under = (count: number): ConnectionOptions => ({
  cert: readFileSync(at(`chain/under-${count}.pem`)),
  key,
})
/** Of an authority that is not trusted. */
const stranger = { cert: readFileSync(at('client.pem')), key: readFileSync(at('client.key')) }
const ca = readFileSync(at('ca.pem'))

const ports = {
  AMQP: [(l: RunningNode): number | undefined => l.ports[0], 'AMQP\0\0\x09\x01'],
  HTTP: [(l: RunningNode): number | undefined => l.managementPort, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
  metrics: [(l: RunningNode): number | undefined => l.metricsPort, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
} as const

class Target {
  readonly lines: string[] = []
  readonly node: RunningNode

  private constructor(node: RunningNode) {
    this.node = node
  }

  static async start(tls: Partial<TlsSettings>): Promise<Target> {
    const lines: string[] = []
    const logger: Logger = { ...silent, warn: (_, text) => void (text.startsWith('TLS') && lines.push(text)) }
    const listeners = [{ port: 0, bind: '127.0.0.1', tls: { ...files, verifyPeer: true, ...tls } }]
    const settings = { ...defaultSettings, listeners, management: listeners, metrics: listeners }
    const target = new Target(await RunningNode.start(settings, oneForAll(logger)))
    Object.assign(target, { lines })
    onTestFinished(() => target.node.close())
    return target
  }

  /** Whether there is an answer; else the connection ends without one. */
  async takes(what: keyof typeof ports, options: ConnectionOptions): Promise<boolean> {
    const [portOf, hello] = ports[what]
    const socket = connect({ host: '127.0.0.1', port: portOf(this.node) as number, ca, ...options })
    onTestFinished(() => void socket.destroy())
    return await new Promise((resolve) => {
      socket.on('secureConnect', () => socket.write(hello))
      socket.on('data', () => resolve(true))
      socket.on('error', () => {})
      socket.on('close', () => resolve(false))
    })
  }
}

describe.each(Object.keys(ports) as (keyof typeof ports)[])('clients of the port of %s', (what) => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'need no certificate, but one that they show has to be trusted (%s)',
    async (maxVersion) => {
      const target = await Target.start({ failIfNoPeerCert: false })
      expect(await target.takes(what, { maxVersion })).toBe(true)
      expect(await target.takes(what, { maxVersion, ...under(2) })).toBe(true)
      expect(target.lines).toEqual([])
      expect(await target.takes(what, { maxVersion, ...stranger })).toBe(false)
      await until(() => target.lines.length === 1, 'the line')
      expect(target.lines[0]).toMatch(/ its certificate is not trusted here \([A-Z_]+\)$/)
    },
  )

  it.each([0, 1, 2])('may have %i authorities above their certificate where depth says so', async (depth) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const target = await Target.start({ failIfNoPeerCert: true, depth })
      for (const count of [0, 1, 2])
        expect([count, await target.takes(what, { maxVersion, ...under(count) })]).toEqual([
          count,
          count <= depth,
        ])
      const refused = 2 - depth
      await until(() => target.lines.length === refused, 'the lines')
      for (const line of target.lines)
        expect(line).toMatch(/ more authorities stand above its certificate than ssl_options.depth allows$/)
    }
  })
})

describe('a client', () => {
  const open = (target: Target, options: ConnectionOptions): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port: target.node.ports[0] as number, ca, ...options },
        () => resolve(socket),
      )
      socket.on('error', reject)
      onTestFinished(() => void socket.destroy())
    })

  it('that was refused cannot come in with the session that it was given', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const target = await Target.start({ depth: 1 })
      let session: Buffer | undefined
      const socket = connect({ port: target.node.ports[0] as number, ca, maxVersion, ...under(2) })
      socket.on('session', (s) => {
        session = s
      })
      socket.on('error', () => {})
      await new Promise((resolve) => socket.on('close', resolve))
      // TLS 1.2 has told its session in the handshake.
      session ??= socket.getSession()
      const again = session === undefined ? under(2) : { session, ...under(2) }
      expect(await target.takes('AMQP', { maxVersion, ...again })).toBe(false)
    }
  })

  it('cannot negotiate again, and show another certificate then', async () => {
    const target = await Target.start({})
    const socket = await open(target, { maxVersion: 'TLSv1.2', ...under(0) })
    const outcome = new Promise((resolve) => {
      socket.removeAllListeners('error').on('error', () => {})
      socket.on('close', () => resolve('closed'))
      socket.renegotiate({}, (error) => {
        if (error === null) resolve('renegotiated')
      })
    })
    expect(await outcome).toBe('closed')
  })

  it('is checked against the same authorities whichever host it asks for', async () => {
    const hosts = [{ host: 'mq.test', certfile: files.certfile, keyfile: files.keyfile }]
    const target = await Target.start({ failIfNoPeerCert: true, hosts })
    const asked = { servername: 'mq.test', checkServerIdentity: () => undefined }
    for (const _ of ['before', 'after a reload']) {
      expect(await target.takes('AMQP', { ...asked, ...under(1) })).toBe(true)
      expect(await target.takes('AMQP', { ...asked, ...stranger })).toBe(false)
      target.node.reload(target.node.settings)
    }
    await Wire.over(await open(target, { ...asked, ...under(0) }))
  })
})

describe('the configuration', () => {
  const load = (keys: Record<string, string>): TlsSettings | undefined =>
    loadConfig(
      undefined,
      {},
      Object.entries({
        'listeners.ssl.default': '5671',
        'ssl_options.certfile': 'c',
        'ssl_options.keyfile': 'k',
        ...keys,
      }).map(([name, value]) => ({ key: name, value, origin: 'test' })),
    )
      .draft.settings()
      .listeners.find((l) => l.tls !== undefined)?.tls

  it('says how deep', () => {
    expect(load({ 'ssl_options.depth': '2' })?.depth).toBe(2)
    expect(() => load({ 'ssl_options.depth': '-1' })).toThrow('ssl_options.depth')
  })

  it('needs authorities to check against: those of the web are nobody’s clients', () => {
    expect(() => load({ 'ssl_options.verify': 'verify_peer' })).toThrow(
      'ssl_options.verify: verify_peer needs ssl_options.cacertfile',
    )
    expect(load({ 'ssl_options.verify': 'verify_none' })?.verifyPeer).toBe(false)
  })
})
