/** The connections of one broker, and their shared state. */
import type { Server as NetServer, Socket } from 'node:net'
import type { Alarms } from '../alarms/alarms.ts'
import type { Broker } from '../broker/broker.ts'
import { inSteps } from '../broker/jobs.ts'
import { InboundMessage } from '../broker/message.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { DurableWaiter } from '../channel/client.ts'
import { FORCED_PER_STEP, SHUTDOWN_MS_MAX } from '../limits.ts'
import type { Identity } from '../model/identity.ts'
import { ReplyCode } from '../protocol/errors.ts'
import { defaultMechanisms } from '../security/sasl.ts'
import { LoginThrottle } from '../security/throttle.ts'
import type { Users } from '../security/users.ts'
import type { Logger, Loggers } from '../util/logger.ts'
import { charge, charged } from '../util/owner.ts'
import { RepeatedLines } from '../util/repeated-lines.ts'
import { Admission } from './admission.ts'
import { Connection } from './connection.ts'
import { ConsumerBackpressure } from './consumer-backpressure.ts'
import { Crowding } from './crowding.ts'
import { Endings } from './endings.ts'
import { defaultTuning, type Tuning } from './handshake.ts'
import type { LimitsNow, Receiver } from './listeners.ts'
import type { LoginSettings } from './login.ts'
import { trustedList } from './proxy-protocol.ts'
import { LiveRights } from './rights.ts'
import type { Talkers } from './talkers.ts'
import type { Unopened } from './unopened.ts'

/** The model that clients work on. */
export interface Served {
  readonly broker: Broker
  readonly users: Users
  readonly identity: Identity
}

/** Belongs to the process and outlives the broker. */
export interface ServerHost extends LimitsNow {
  readonly alarms: Alarms
  /** Counts clients that have not logged in yet. */
  readonly unopened: Unopened
  readonly talkers: Talkers
}

export interface ServerOptions {
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

export class Server implements Receiver {
  readonly broker: Broker
  readonly users: Users
  /** About connections. */
  readonly logger: Logger
  readonly loggers: Loggers
  readonly connections = new Set<Connection>()
  /** The message being published, one at a time. */
  readonly incoming = new InboundMessage()
  readonly login: LoginSettings
  readonly backpressure: ConsumerBackpressure
  readonly crowding: Crowding
  readonly endings: Endings
  readonly admission: Admission
  /** For log lines that anybody who reaches the port can cause. */
  readonly doorLines: RepeatedLines
  readonly throttle = new LoginThrottle()
  readonly rights = new LiveRights((connections, why) => this.force(connections, why))
  readonly tuning: Tuning
  readonly unopened: Unopened
  readonly talkers: Talkers
  /** Whether the address is that of a trusted load balancer. */
  readonly proxies: ((address: string) => boolean) | undefined
  readonly alarms: Alarms
  /** Whether an alarm is active, so that publishers are blocked. */
  blocking: boolean
  private readonly served: Served
  private waiters: DurableWaiter[] = []
  private whenEmpty: (() => void) | undefined

  constructor(served: Served, host: ServerHost, loggers: Loggers, options: ServerOptions) {
    const { broker, users } = served
    this.served = served
    this.broker = broker
    this.users = users
    this.loggers = loggers
    this.logger = loggers.connection
    this.alarms = host.alarms
    this.blocking = host.alarms.active
    broker.inAlarm = () => this.blocking
    this.unopened = host.unopened
    this.talkers = host.talkers
    this.admission = new Admission(users, host)
    this.doorLines = new RepeatedLines(this.logger, () => broker.clock.now())
    users.watcher = this.rights
    this.tuning = { ...defaultTuning, ...options.tuning }
    this.backpressure = new ConsumerBackpressure(broker.clock, broker)
    const { refusedLetters, turn } = broker
    this.crowding = new Crowding(
      broker.clock,
      () => refusedLetters.isCrowded,
      (publisher) => turn.resumeLater(publisher),
    )
    this.endings = new Endings(broker.clock)
    this.proxies = options.proxies === undefined ? undefined : trustedList(options.proxies)
    this.login = { ...defaultLogin, ...options.login }
    const serve = (): void => this.serveWaiters()
    broker.commit.onDurable(() => broker.turn.run(serve))
    // Some connections wait for pending data to become less.
    broker.commit.onApplied(() => broker.turn.run(serve))
  }

  /** The identity announced to clients. */
  get identity(): Identity {
    return this.served.identity
  }

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

  /** Closes all connections to a vhost that will be deleted. */
  closeVhost(vhost: Vhost): void {
    const its = [...this.connections].filter((c) => c.caller?.vhost === vhost)
    this.force(its, `vhost '${vhost.name}' is deleted`)
  }

  /**
   * Closes connections, in several turns if there are many. From now on they handle no requests and get no deliveries.
   * @param why as clients see it
   */
  force(connections: readonly Connection[], why: string): void {
    for (const c of connections) charged(c, () => c.intake.hold())
    const text = `CONNECTION_FORCED - ${why}`
    const steps = inSteps(connections, FORCED_PER_STEP, (c) =>
      charged(c, () => c.close(ReplyCode.ConnectionForced, text)),
    )
    this.broker.turn.jobs.begin(steps, this.broker.failures.owner('connection', { closing: why }))
  }

  /**
   * Called when an alarm was set or cleared. Unblocks in steps: all connections may have waited, and each is notified.
   */
  alarmChanged(): void {
    this.blocking = this.alarms.active
    if (this.blocking) return
    const steps = inSteps([...this.connections], FORCED_PER_STEP, (c) => {
      if (!this.blocking) charged(c, () => c.intake.unblock())
    })
    this.broker.turn.jobs.begin(steps, this.broker.failures.owner('broker', {}))
  }

  /** Stops or resumes serving clients. */
  fence(fenced: boolean): void {
    for (const c of this.connections) charged(c, () => (fenced ? c.intake.fence() : c.intake.unfence()))
    if (!fenced) this.broker.turn.run()
  }

  /**
   * Another node is active now: clients with pending output are disconnected without notice, because the output must
   * not reach them.
   */
  dropHeld(): void {
    for (const c of this.connections) if (c.output.holds) c.socket.destroy()
  }

  awaitDurable(w: DurableWaiter): void {
    this.waiters.push(w)
  }

  private serveWaiters(): void {
    const waiters = this.waiters
    this.waiters = []
    for (let i = 0; i < waiters.length; i++) {
      const w = waiters[i] as DurableWaiter
      try {
        if (w.becameDurable()) this.waiters.push(w)
      } catch (error) {
        charge(w, error)
      }
    }
  }

  ended(c: Connection): void {
    this.unopened.remove(c.socket)
    this.connections.delete(c)
    this.talkers.gone(c)
    // Anybody can make any number of connections that open no vhost.
    const lines = c.caller === undefined ? this.doorLines : this.logger
    lines.info({ connection: c.name, user: c.caller?.user, reason: c.endReason }, 'connection closed')
    if (this.connections.size === 0) this.whenEmpty?.()
  }

  /**
   * Notifies open connections and waits a moment for their replies. The caller has made sure that no new connections
   * are accepted.
   * @param reason as clients see it
   */
  async close(reason = 'shutdown'): Promise<void> {
    for (const c of this.connections) {
      if (c.state === 'open')
        c.close(
          ReplyCode.ConnectionForced,
          `CONNECTION_FORCED - broker forced connection closure with reason '${reason}'`,
        )
      else c.socket.destroy()
    }
    if (this.connections.size === 0) return
    const empty = new Promise<void>((resolve) => {
      this.whenEmpty = resolve
    })
    const timer = this.broker.clock.after(SHUTDOWN_MS_MAX, () => {
      for (const c of this.connections) c.socket.destroy()
    })
    await empty
    timer.cancel()
  }
}
