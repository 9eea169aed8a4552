/** A server over real sockets whose time passes only when told to: for what takes minutes otherwise. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import type { Server, ServerOptions } from '../../src/connection/server.ts'
import { serveWebSockets } from '../../src/management/websocket.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { type Clock, systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/logger.ts'
import type { TlsSettings } from '../../src/util/tls.ts'
import { ManualClock } from './manual-clock.ts'
import { serverOf } from './server.ts'

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
  const { server, listeners } = serverOf(broker, options)
  const port = await listeners.listen(0, '127.0.0.1')
  const tlsPort = await listeners.listen(0, '127.0.0.1', tls)
  const http = createServer()
  serveWebSockets(http, listeners, silent, () => {})
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    http.closeAllConnections()
    http.close()
    for (const c of server.connections) c.socket.destroy()
    await Promise.all([listeners.close(), server.close()])
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
