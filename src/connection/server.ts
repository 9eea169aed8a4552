/** The listening socket and the connections behind it. */
import type { Server as NetServer, Socket } from 'node:net'
import type { Alarms } from '../broker/alarm/alarms.ts'
import type { Broker } from '../broker/broker.ts'
import { Incoming } from '../broker/message.ts'
import type { Vhost } from '../broker/vhost.ts'
import { SHUTDOWN_MS_MAX, UNAUTHENTICATED_SHARE } from '../limits.ts'
import { ReplyCode } from '../protocol/errors.ts'
import { defaultMechanisms } from '../security/sasl.ts'
import { LoginThrottle } from '../security/throttle.ts'
import type { Users } from '../security/users.ts'
import { Descriptors } from '../util/descriptors.ts'
import type { Logger, Loggers } from '../util/logger.ts'
import { nodeName } from '../util/node-name.ts'
import { charge, charged, type Owner } from '../util/owner.ts'
import type { TlsSettings } from '../util/tls.ts'
import { Admission } from './admission.ts'
import { Congestion } from './congestion.ts'
import { Connection } from './connection.ts'
import { defaultTuning, type Tuning } from './handshake.ts'
import { Listener } from './listener.ts'
import type { LoginSettings } from './login.ts'
import { trustedList } from './proxy-protocol.ts'
import { LiveRights } from './rights.ts'
import { defaultIdentity, type Identity } from './server-properties.ts'
import { Unopened } from './unopened.ts'

/** ms between two lines of the log about connections that had to make room. */
const LOG_MS = 10_000

/** Asked after every flush, until it answers false. */
export interface FlushWaiter extends Owner {
  flushed(): boolean
}

export interface ServerOptions {
  readonly identity?: Partial<Identity> | undefined
  readonly tuning?: Partial<Tuning> | undefined
  readonly login?: Partial<LoginSettings> | undefined
  /** Addresses and networks of load balancers that speak the PROXY protocol. */
  readonly proxies?: readonly string[] | undefined
}

const defaultLogin: LoginSettings = {
  mechanisms: defaultMechanisms,
  anonymousUser: undefined,
  certificateLogin: 'distinguished_name',
  alternativeName: { type: 'dns', index: 0 },
  oauth: undefined,
}

export class Server {
  readonly broker: Broker
  readonly users: Users
  /** About connections. */
  readonly logger: Logger
  readonly loggers: Loggers
  identity: Identity
  readonly connections = new Set<Connection>()
  /** The message being published: one at a time is on its way from the wire into queues. */
  readonly incoming = new Incoming()
  readonly listeners: Listener[] = []
  readonly login: LoginSettings
  readonly congestion: Congestion
  readonly admission: Admission
  readonly throttle = new LoginThrottle()
  readonly rights = new LiveRights()
  readonly tuning: Tuning
  readonly descriptors: Descriptors
  /** Nobody has logged in there yet. */
  readonly unopened: Unopened
  private roomLogged = 0
  /** Whether a load balancer at that address is to be believed. */
  readonly proxies: ((address: string) => boolean) | undefined
  readonly alarms: Alarms
  /** An alarm is on: whoever publishes is blocked. */
  blocking = false
  private waiters: FlushWaiter[] = []
  private whenEmpty: (() => void) | undefined

  constructor(broker: Broker, users: Users, alarms: Alarms, loggers: Loggers, options: ServerOptions) {
    this.broker = broker
    this.users = users
    this.loggers = loggers
    this.logger = loggers.connection
    this.identity = { ...defaultIdentity, clusterName: nodeName, ...options.identity }
    this.alarms = alarms
    this.admission = new Admission(users)
    users.watcher = this.rights
    this.tuning = { ...defaultTuning, ...options.tuning }
    this.descriptors = new Descriptors(loggers.other)
    this.unopened = new Unopened(
      () => this.unopenedBounds(),
      () => broker.clock.now(),
      (address) => this.madeRoom(address),
    )
    this.descriptors.add(this.unopened)
    alarms.onChange(() => this.alarmChanged())
    this.congestion = new Congestion(broker.clock, broker)
    this.proxies = options.proxies === undefined ? undefined : trustedList(options.proxies)
    this.login = { ...defaultLogin, ...options.login }
    broker.commit.onFlushed(() => this.afterFlush())
  }

  /**
   * Resolves with the port.
   * @throws the error of listen, such as EADDRINUSE, or that of a certificate that cannot be used
   */
  async listen(port: number, host: string | undefined, tls?: TlsSettings): Promise<number> {
    const onError = (error: Error): void => this.loggers.other.warn({ err: error.message }, 'listener error')
    const listener = new Listener(tls, (socket, net) => this.accept(socket, net), onError, this.unopened)
    this.descriptors.guard(listener.net)
    const actual = await listener.listen(port, host, onError)
    this.listeners.push(listener)
    return actual
  }

  /** A client has come; `net` where the socket is a plain one of that listener. */
  accept(socket: Socket, net?: NetServer): void {
    try {
      const c = new Connection(this, socket, net)
      this.connections.add(c)
      this.unopened.add(c.socket, c.peer.address)
    } catch (error) {
      this.logger.error({ err: error }, 'cannot accept a connection')
      socket.destroy()
    }
  }

  private unopenedBounds(): { all: number; perAddress: number } {
    const { unauthenticated } = this.admission.limits
    return { all: unauthenticated, perAddress: Math.ceil(unauthenticated * UNAUTHENTICATED_SHARE) }
  }

  private madeRoom(address: string): void {
    const now = this.broker.clock.now()
    if (now - this.roomLogged < LOG_MS) return
    this.roomLogged = now
    this.logger.warn(
      { address, waiting: this.unopened.size },
      'too many connections that are not open yet: the oldest are closed',
    )
  }

  /** Ends all connections to a vhost that is about to go. */
  closeVhost(vhost: Vhost): void {
    for (const c of this.connections)
      if (c.caller?.vhost === vhost)
        c.close(ReplyCode.ConnectionForced, `CONNECTION_FORCED - vhost '${vhost.name}' is deleted`)
  }

  private alarmChanged(): void {
    this.blocking = this.alarms.active
    const { memory, disk } = this.alarms
    this.loggers.other.warn(
      { memory, disk },
      this.blocking ? `alarm: ${this.alarms.reason}` : 'alarms cleared',
    )
    if (!this.blocking) for (const c of this.connections) charged(c, () => c.intake.unblock())
  }

  awaitFlush(w: FlushWaiter): void {
    this.waiters.push(w)
  }

  private afterFlush(): void {
    const waiters = this.waiters
    this.waiters = []
    for (let i = 0; i < waiters.length; i++) {
      const w = waiters[i] as FlushWaiter
      try {
        if (w.flushed()) this.waiters.push(w)
      } catch (error) {
        charge(w, error)
      }
    }
    this.broker.turn.run()
  }

  ended(c: Connection): void {
    this.unopened.remove(c.socket)
    this.connections.delete(c)
    this.logger.info({ connection: c.name, user: c.caller?.user, reason: c.endReason }, 'connection closed')
    if (this.connections.size === 0) this.whenEmpty?.()
  }

  /** No new connections; those that are open are told, and get a moment to answer. */
  async close(): Promise<void> {
    const closed = Promise.all(this.listeners.splice(0).map((l) => l.close()))
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
