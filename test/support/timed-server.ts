/** A server over real sockets whose time passes only when told to: for what takes minutes otherwise. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { Alarms } from '../../src/broker/alarm/alarms.ts'
import { Broker } from '../../src/broker/broker.ts'
import { type Clock, systemClock } from '../../src/broker/clock.ts'
import { Server, type ServerOptions } from '../../src/connection/server.ts'
import { serveWebSockets } from '../../src/management/websocket.ts'
import { rabbitHash } from '../../src/security/passwords.ts'
import { Users } from '../../src/security/users.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import type { TlsSettings } from '../../src/util/tls.ts'
import { ManualClock } from './manual-clock.ts'

export interface TimedServer {
  readonly server: Server
  readonly clock: ManualClock
  readonly url: string
  readonly tlsPort: number
  readonly webSocketUrl: string
}

/** With the user guest, who may do everything; it ends with the test. */
export async function timedServer(tls: TlsSettings, options: ServerOptions = {}): Promise<TimedServer> {
  const clock = new ManualClock()
  const mixed: Clock = {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    // What is due at once needs no telling.
    after: (ms, action) => (ms > 0 ? clock : systemClock).after(ms, action),
    defer: (action) => systemClock.defer(action),
  }
  const storage = new MemoryStorage()
  const commit = new GroupCommit(storage, systemClock)
  const broker = new Broker(storage, commit, mixed, { messageMemoryBytes: 16 * 1024 * 1024 })
  broker.load()
  const users = new Users(undefined, [])
  users.set({ name: 'guest', password: rabbitHash('guest'), tags: [], limits: {} })
  users.setPermission('guest', '/', { configure: '.*', write: '.*', read: '.*' })
  const never = { memory: Number.POSITIVE_INFINITY, diskFree: 0 }
  const alarms = new Alarms(never, { memoryUsed: () => 0, diskFree: () => undefined }, mixed)
  const server = new Server(broker, users, alarms, oneForAll(silent), options)
  const port = await server.listen(0, '127.0.0.1')
  const tlsPort = await server.listen(0, '127.0.0.1', tls)
  const http = createServer()
  serveWebSockets(http, server, () => {})
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    http.closeAllConnections()
    http.close()
    for (const c of server.connections) c.socket.destroy()
    await server.close()
    broker.stop()
    await commit.close()
  })
  return {
    server,
    clock,
    url: `amqp://127.0.0.1:${port}`,
    tlsPort,
    webSocketUrl: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws/amqp`,
  }
}
