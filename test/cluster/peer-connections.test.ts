/**
 * What a connection between nodes, or to the other broker of a shovel, costs: octets are sent at once, since otherwise they
 * wait 40 ms now and then, and nodes resume their TLS sessions.
 */
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { expect, it, onTestFinished, vi } from 'vitest'
import { PeerPort } from '../../src/cluster/peer-port.ts'
import { openLink } from '../../src/shovel/connect.ts'
import { parseUri } from '../../src/shovel/uri.ts'
import { systemClock } from '../../src/util/clock.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import { silent } from '../../src/util/logger.ts'
import { contextOf, type TlsSettings } from '../../src/util/tls.ts'
import { until } from '../support/until.ts'

const HOST = '127.0.0.1'
const at = (name: string): string => join('test/support/certificates', name)
const tls: TlsSettings = { certfile: at('server.pem'), keyfile: at('server.key'), cacertfile: at('ca.pem') }

/** Whose sockets do not wait: a port for each call, undefined before it is connected. */
function undelayed(): () => number {
  const spy = vi.spyOn(Socket.prototype, 'setNoDelay')
  onTestFinished(() => spy.mockRestore())
  return () => spy.mock.calls.filter(([on]) => on === true).length
}

it.each([
  ['without TLS', undefined],
  ['with TLS', tls],
])('from both nodes, %s', async (_, settings) => {
  const listener = { snapshot: async () => {}, refusesClients: () => 'not now', client: () => {} }
  const port = new PeerPort({ secret: 's', tls: settings }, systemClock, silent, listener)
  onTestFinished(() => port.close())
  await port.listen(0, HOST, new Descriptors(silent))
  const count = undelayed()
  await expect(port.ask(HOST, port.port, { want: 'relay', to: 'amqp', index: 0 })).rejects.toThrow('not now')
  expect(count()).toBe(2)
})

it('nodes resume their TLS sessions, until a certificate changes', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-sessions-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const own = { ...tls, certfile: join(dir, 'c.pem'), keyfile: join(dir, 'k.pem') }
  const use = (cert: string, key: string): void => {
    copyFileSync(at(cert), own.certfile)
    copyFileSync(at(key), own.keyfile)
  }
  use('server.pem', 'server.key')
  const listener = {
    snapshot: () => new Promise<void>(() => {}),
    refusesClients: () => undefined,
    client: () => {},
  }
  const port = new PeerPort({ secret: 's', tls: own }, systemClock, silent, listener)
  onTestFinished(() => port.close())
  await port.listen(0, HOST, new Descriptors(silent))
  const resumes = async (): Promise<boolean> => {
    const socket = (await port.ask(HOST, port.port, { want: 'snapshot' })) as TLSSocket
    const is = socket.isSessionReused()
    socket.destroy()
    return is
  }
  expect(await resumes()).toBe(false)
  await until(resumes, 'a session to be resumed')
  use('client.pem', 'client.key')
  await until(async () => !(await resumes()), 'the new certificate to be used')
  await until(resumes, 'a session with the new certificate to be resumed')
})

it('to a broker with TLS', async () => {
  const server = createServer(contextOf(tls), (socket) => void socket.on('error', () => {}).destroy())
  server.listen(0, HOST)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const count = undelayed()
  const { port } = server.address() as { port: number }
  const link = openLink(parseUri(`amqps://${HOST}:${port}`), undefined, 'x', new AbortController().signal)
  await expect(link).rejects.toThrow()
  await until(() => count() === 1, 'the setting')
})
