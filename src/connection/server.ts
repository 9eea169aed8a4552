/** The listening socket and the connections behind it. */
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import { hostname } from 'node:os'
import type { Broker } from '../broker/broker.ts'
import { Incoming } from '../broker/message.ts'
import { SHUTDOWN_MS_MAX } from '../limits.ts'
import { ReplyCode } from '../protocol/errors.ts'
import type { Users } from '../security/users.ts'
import type { Logger } from '../util/logger.ts'
import { Congestion } from './congestion.ts'
import { Connection } from './connection.ts'
import { defaultIdentity, type Identity } from './server-properties.ts'

/** Asked after every flush, until it answers false. */
export interface FlushWaiter {
  flushed(): boolean
}

export interface ServerOptions {
  readonly identity?: Partial<Identity> | undefined
}

export class Server {
  readonly broker: Broker
  readonly users: Users
  readonly logger: Logger
  readonly identity: Identity
  readonly connections = new Set<Connection>()
  /** The message being published: one at a time is on its way from the wire into queues. */
  readonly incoming = new Incoming()
  readonly net: NetServer
  readonly congestion: Congestion
  private waiters: FlushWaiter[] = []
  private whenEmpty: (() => void) | undefined

  constructor(broker: Broker, users: Users, logger: Logger, options: ServerOptions) {
    this.broker = broker
    this.users = users
    this.logger = logger
    this.identity = { ...defaultIdentity, clusterName: `leveret@${hostname()}`, ...options.identity }
    this.congestion = new Congestion(broker.clock, broker)
    this.net = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (socket) => {
      this.connections.add(new Connection(this, socket))
    })
    broker.commit.onFlushed(() => this.afterFlush())
  }

  /** Resolves with the port. @throws the error of listen, such as EADDRINUSE */
  async listen(port: number, host: string | undefined): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.net.once('error', reject)
      this.net.listen({ port, host, backlog: 4096 }, () => {
        this.net.off('error', reject)
        this.net.on('error', (error) => this.logger.error({ err: error }, 'listener error'))
        resolve()
      })
    })
    return (this.net.address() as AddressInfo).port
  }

  awaitFlush(w: FlushWaiter): void {
    this.waiters.push(w)
  }

  private afterFlush(): void {
    const waiters = this.waiters
    this.waiters = []
    for (let i = 0; i < waiters.length; i++) {
      const w = waiters[i] as FlushWaiter
      if (w.flushed()) this.waiters.push(w)
    }
    this.broker.turn.run()
  }

  ended(c: Connection): void {
    this.connections.delete(c)
    this.logger.info({ connection: c.name }, 'connection closed')
    if (this.connections.size === 0) this.whenEmpty?.()
  }

  /** No new connections; those that are open are told, and get a moment to answer. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.net.close(() => resolve()))
    for (const c of this.connections) {
      if (c.state === 'open')
        c.close(
          ReplyCode.ConnectionForced,
          "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
        )
      else c.socket.destroy()
    }
    if (this.connections.size > 0) {
      const empty = new Promise<void>((resolve) => {
        this.whenEmpty = resolve
      })
      const timer = this.broker.clock.after(SHUTDOWN_MS_MAX, () => {
        for (const c of this.connections) c.socket.destroy()
      })
      await empty
      timer.cancel()
    }
    await closed
  }
}
