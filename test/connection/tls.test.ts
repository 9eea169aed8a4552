import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect as connectPlain, connect as connectPlainly } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Settings } from '../../src/config/settings.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { type Logger, oneForAll, silent } from '../../src/util/logger.ts'
import type { TlsSettings } from '../../src/util/tls.ts'
import { testFolder } from '../support/folder.ts'
import { RunningNode } from '../support/running-node.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const server: TlsSettings = {
  certfile: at('server.pem'),
  keyfile: at('server.key'),
  cacertfile: at('ca.pem'),
}
const ca = readFileSync(at('ca.pem'))
const client = { cert: readFileSync(at('client.pem')), key: readFileSync(at('client.key')) }

async function start(tls: TlsSettings, more: Partial<Settings> = {}): Promise<RunningNode> {
  const listeners = [{ port: 0, bind: '127.0.0.1', tls }]
  const leveret = await RunningNode.start({ ...defaultSettings, ...more, listeners }, oneForAll(silent))
  onTestFinished(() => leveret.close())
  return leveret
}

function open(leveret: RunningNode, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: leveret.ports[0] as number, ca, ...options }, () =>
      resolve(socket),
    )
    socket.once('error', reject)
    onTestFinished(() => void socket.destroy())
  })
}

describe('a TLS listener', () => {
  it('carries AMQP', async () => {
    const leveret = await start(server)
    const w = await Wire.over(await open(leveret))
    await w.channel(1)
    await w.call(1, MethodId.QueueDeclare, { queue: 'q' }, MethodId.QueueDeclareOk)
    const body = Buffer.alloc(300_000, 'x')
    w.publish(1, { routingKey: 'q', body })
    await w.call(1, MethodId.BasicConsume, { queue: 'q', noAck: true }, MethodId.BasicConsumeOk)
    expect((await w.receive(1, MethodId.BasicDeliver)).body?.equals(body)).toBe(true)
    expect([...leveret.server.connections][0]?.tls).toBeDefined()
  })

  it('counts sockets whose handshake has not ended among those that are not open, and lets others in', async () => {
    const limits = { ...defaultSettings.limits, unauthenticated: 4 }
    const leveret = await start(server, { limits })
    const { unopened } = leveret.server
    const idle = Array.from({ length: 9 }, () => {
      const s = connectPlainly(leveret.ports[0] as number, '127.0.0.1').on('error', () => {})
      onTestFinished(() => void s.destroy())
      return s.resume()
    })
    await until(() => idle.filter((s) => s.closed).length === 6 && unopened.size === 3, 'the oldest to go')
    await Wire.over(await open(leveret))
    await until(() => unopened.size === 2, 'the connection to be open')
    for (const s of idle) s.write('no handshake')
    await until(() => unopened.size === 0, 'the others to go')
  })

  it.each([
    ['AMQP', (l: RunningNode) => l.ports[0]],
    ['HTTP', (l: RunningNode) => l.managementPort],
  ])('of %s gives up a client whose handshake does not end', async (_, portOf) => {
    const quick = { ...server, handshakeMs: 100 }
    const leveret = await start(quick, { management: [{ port: 0, bind: '127.0.0.1', tls: quick }] })
    const socket = connectPlain(portOf(leveret) as number, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    // The beginning of a record.
    socket.write(Buffer.from([0x16, 0x03, 0x01]))
    socket.on('error', () => {}).resume()
    await new Promise((resolve) => socket.once('close', resolve))
  })

  it('refuses old versions, and clients without a certificate where it asks for one', async () => {
    const leveret = await start({ ...server, minVersion: 'TLSv1.3' })
    await expect(open(leveret, { maxVersion: 'TLSv1.2' })).rejects.toThrow()
    const strict = await start({ ...server, verifyPeer: true, failIfNoPeerCert: true })
    const bare = await open(strict, { maxVersion: 'TLSv1.2' }).catch((e: Error) => e)
    expect(bare).toBeInstanceOf(Error)
    const w = await Wire.over(await open(strict, client))
    await w.channel(1)
  })

  it('knows users by their certificates', async () => {
    for (const [certificateLogin, name] of [
      ['common_name', 'carol'],
      ['distinguished_name', 'CN=carol,O=tests'],
    ] as const) {
      const leveret = await start(
        { ...server, verifyPeer: true },
        {
          login: { mechanisms: ['EXTERNAL', 'PLAIN'], certificateLogin },
          users: [{ name, password: 'unused' }],
        },
      )
      const w = await Wire.over(await open(leveret, client), {
        mechanism: 'EXTERNAL',
        response: Buffer.alloc(0),
      })
      await w.channel(1)
      expect([...leveret.server.connections][0]?.caller?.user).toBe(name)
      // Without a certificate it is not even offered.
      const bare = await open(leveret)
      const refused = Wire.over(bare, { mechanism: 'EXTERNAL', response: Buffer.alloc(0) })
      await expect(refused).rejects.toThrow('the broker has closed the socket')
    }
  })

  it('shows each host its own certificate', async () => {
    const hosts = [{ host: '*.other.test', certfile: at('client.pem'), keyfile: at('client.key') }]
    const leveret = await start({ ...server, hosts })
    const nameOf = async (servername: string): Promise<unknown> =>
      (await open(leveret, { servername, checkServerIdentity: () => undefined })).getPeerCertificate().subject
        .CN
    for (const _ of ['before', 'after a reload']) {
      expect(await nameOf('mq.other.test')).toBe('carol')
      expect(await nameOf('localhost')).toBe('localhost')
      leveret.reload(leveret.settings)
    }
  })

  it('takes a new certificate without a restart, as those of the HTTP API and of the metrics do', async () => {
    const folders = ['amqp', 'http', 'metrics'].map((name) => {
      const dir = testFolder(`tls-${name}`)
      return { certfile: join(dir, 'cert'), keyfile: join(dir, 'key') }
    }) as [TlsSettings, TlsSettings, TlsSettings]
    const [amqp, http, metrics] = folders
    const put = (name: string): void => {
      for (const { certfile, keyfile } of folders) {
        copyFileSync(at(`${name}.pem`), certfile)
        copyFileSync(at(`${name}.key`), keyfile)
      }
    }
    put('server')
    const listening = (tls: TlsSettings): object => ({ port: 0, bind: '127.0.0.1', tls })
    const leveret = await start(amqp, {
      management: [listening(http)],
      metrics: [listening(metrics)],
    } as Partial<Settings>)
    const names = async (): Promise<unknown[]> => {
      const ports = [leveret.ports[0], leveret.managementPort, leveret.metricsPort] as number[]
      const shown = ports.map((port) => open(leveret, { port, checkServerIdentity: () => undefined }))
      return (await Promise.all(shown)).map((socket) => socket.getPeerCertificate().subject.CN)
    }
    const old = await Wire.over(await open(leveret))
    expect(await names()).toEqual(['localhost', 'localhost', 'localhost'])
    put('client')
    leveret.reload(leveret.settings)
    expect(await names()).toEqual(['carol', 'carol', 'carol'])
    await old.channel(1)
    // Where one cannot be used, nothing changes.
    put('server')
    const others = { ...leveret.settings, memoryLimit: 1 }
    writeFileSync(metrics.certfile, 'nonsense')
    expect(() => leveret.reload(others)).toThrow(metrics.certfile)
    copyFileSync(at('client.pem'), metrics.certfile)
    expect(() => leveret.reload(others)).toThrow()
    expect(await names()).toEqual(['carol', 'carol', 'carol'])
    expect(leveret.settings.memoryLimit).not.toBe(1)
  })
})

describe('a client whose TLS handshake fails', () => {
  const told = (lines: string[]): Logger => ({
    ...silent,
    warn: (_, text) => void (text.startsWith('TLS') && lines.push(text)),
  })
  const from = /^TLS client (127\.0\.0\.1:\d+) refused by AMQP: (.*)$/

  it.each<[string, Partial<TlsSettings>, (port: number) => { destroy(): void }, RegExp]>([
    [
      'speaks no TLS',
      {},
      (port) =>
        connectPlain(port, '127.0.0.1')
          .on('error', () => {})
          .end('AMQP\0\0\x09\x01'),
      /does not speak TLS/,
    ],
    [
      'speaks HTTP',
      {},
      (port) =>
        connectPlain(port, '127.0.0.1')
          .on('error', () => {})
          .end('GET / HTTP/1.1\r\n\r\n'),
      /plain HTTP/,
    ],
    [
      'hangs up',
      {},
      (port) =>
        connectPlain(port, '127.0.0.1')
          .on('error', () => {})
          .end(),
      /hung up/,
    ],
    [
      'is too slow',
      { handshakeMs: 50 },
      (port) => connectPlain(port, '127.0.0.1').on('error', () => {}),
      /did not finish in time/,
    ],
    [
      'offers an old version',
      { minVersion: 'TLSv1.3' },
      (port) => connect({ port, host: '127.0.0.1', ca, maxVersion: 'TLSv1.2' }).on('error', () => {}),
      /no version of TLS/,
    ],
    [
      'shows no certificate',
      { verifyPeer: true, failIfNoPeerCert: true },
      (port) => connect({ port, host: '127.0.0.1', ca }).on('error', () => {}),
      /shows no certificate/,
    ],
    [
      'shows one of somebody else',
      { verifyPeer: true, failIfNoPeerCert: true, cacertfile: at('client.pem') },
      (port) =>
        connect({
          port,
          host: '127.0.0.1',
          ca,
          cert: readFileSync(at('server.pem')),
          key: readFileSync(at('server.key')),
        }).on('error', () => {}),
      /certificate is not trusted here \([A-Z_]+\)/,
    ],
  ])('that %s is logged with its address and a sentence', async (_, more, knock, sentence) => {
    const lines: string[] = []
    const listeners = [{ port: 0, bind: '127.0.0.1', tls: { ...server, ...more } }]
    const leveret = await RunningNode.start({ ...defaultSettings, listeners }, oneForAll(told(lines)))
    onTestFinished(() => leveret.close())
    const socket = knock(leveret.ports[0] as number)
    onTestFinished(() => socket.destroy())
    await until(() => lines.length === 1, 'the line')
    expect(lines[0]).toMatch(from)
    expect(from.exec(lines[0] as string)?.[2]).toMatch(sentence)
  })
})

describe('ANONYMOUS', () => {
  it('is off, and logs in as the user that is named for it', async () => {
    const anonymous = { mechanism: 'ANONYMOUS', response: Buffer.alloc(0) }
    const off = await start(server)
    await expect(Wire.over(await open(off), anonymous)).rejects.toThrow('the broker has closed the socket')
    const on = await start(server, {
      login: { mechanisms: ['PLAIN', 'ANONYMOUS'], anonymousUser: 'visitor' },
      users: [{ name: 'visitor', password: 'unused' }],
    })
    await Wire.over(await open(on), anonymous)
    expect([...on.server.connections][0]?.caller?.user).toBe('visitor')
  })
})

describe('the HTTP API', () => {
  it('may be had over TLS', async () => {
    const leveret = await start(server, { management: [{ port: 0, bind: '127.0.0.1', tls: server }] })
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: leveret.managementPort,
        path: '/api/whoami',
        auth: 'guest:guest',
        ca,
      }
      get(options, (r) => {
        r.resume()
        resolve(r.statusCode)
      }).once('error', reject)
    })
    expect(answer).toBe(200)
  })
})
