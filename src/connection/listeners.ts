/**
 * The listeners for AMQP. They belong to the process and outlive the broker; accepted sockets go to the current
 * receiver.
 */
import type { Server as NetServer, Socket } from 'node:net'
import { UNAUTHENTICATED_SHARE } from '../limits.ts'
import { Certificates } from '../util/certificates.ts'
import type { Clock } from '../util/clock.ts'
import type { Descriptors } from '../util/descriptors.ts'
import type { Loggers } from '../util/logger.ts'
import { dropGone } from '../util/sockets.ts'
import type { TlsSettings } from '../util/tls.ts'
import type { NodeLimits } from './admission.ts'
import { Listener } from './listener.ts'
import { Unopened } from './unopened.ts'

/** Minimum ms between log lines about connections closed to make room. */
const LOG_MS = 10_000

/** Takes clients over from the listeners. */
export interface Receiver {
  /**
   * Receives a client, after the TLS handshake if there is one.
   * @param net the server that accepted a socket of `node:net`; undefined for a WebSocket
   */
  accept(socket: Socket, net?: NetServer): void
  /**
   * If present, it receives sockets as accepted, before TLS; `accept` then receives only WebSockets, and sockets that
   * were in their TLS handshake when the receiver changed. A plain socket is paused.
   */
  relay?(socket: Socket, listener: Listener): void
  /** Called when the listeners are closing: ends relayed and waiting clients. */
  endRelays?(): void
  /** If present, tells whether the address is that of a load balancer, which sends a PROXY header. */
  readonly proxies?: ((address: string) => boolean) | undefined
}

/** Settings that can be changed while running. */
export interface LimitsNow {
  readonly limits: NodeLimits
}

export class Listeners implements Receiver {
  /** Connections that have not logged in yet. */
  readonly unopened: Unopened
  readonly descriptors: Descriptors
  /** Certificates of these listeners, and of those of other protocols. */
  readonly certificates = new Certificates()
  /** Open listeners, in the order of the settings. */
  readonly open: Listener[] = []
  /** The current receiver; if undefined, accepted sockets are closed at once. */
  receiver: Receiver | undefined
  private readonly node: LimitsNow
  private readonly clock: Clock
  private readonly loggers: Loggers
  /** In ms of `elapsed`. */
  private roomLogged = Number.NEGATIVE_INFINITY

  constructor(node: LimitsNow, descriptors: Descriptors, clock: Clock, loggers: Loggers) {
    this.node = node
    this.clock = clock
    this.loggers = loggers
    this.descriptors = descriptors
    this.unopened = new Unopened(
      () => this.bounds(),
      () => clock.elapsed(),
      (address) => this.madeRoom(address),
    )
    descriptors.add(this.unopened)
  }

  /**
   * Resolves with the port.
   * @throws errors of listen, such as EADDRINUSE, and of unusable certificates
   */
  async listen(port: number, host: string | undefined, tls?: TlsSettings): Promise<number> {
    const onError = (error: Error): void => this.loggers.other.warn({ err: error.message }, 'listener error')
    const listener = new Listener(tls, this, this.loggers.connection, this.unopened, this.certificates)
    this.descriptors.guard(listener.net)
    dropGone(listener.net)
    const actual = await listener.listen(port, host, onError)
    this.open.push(listener)
    return actual
  }

  accept(socket: Socket, net?: NetServer): void {
    if (this.receiver === undefined) socket.destroy()
    else this.receiver.accept(socket, net)
  }

  /** Passes the socket to `relay` of the receiver; false if it has none, so that the socket goes to `accept`. */
  relayed(socket: Socket, listener: Listener): boolean {
    const { receiver } = this
    if (receiver?.relay === undefined) return false
    receiver.relay(socket, listener)
    return true
  }

  isBalancer(address: string): boolean {
    return this.receiver?.proxies?.(address) === true
  }

  /** Accepts no new clients; resolves when the existing ones have disconnected. */
  async close(): Promise<void> {
    await Promise.all(this.open.splice(0).map((l) => l.close()))
  }

  private bounds(): { all: number; perAddress: number } {
    const { unauthenticated } = this.node.limits
    return { all: unauthenticated, perAddress: Math.ceil(unauthenticated * UNAUTHENTICATED_SHARE) }
  }

  private madeRoom(address: string): void {
    const now = this.clock.elapsed()
    if (now - this.roomLogged < LOG_MS) return
    this.roomLogged = now
    this.loggers.connection.warn(
      { address, waiting: this.unopened.size },
      'too many connections that are not open yet: the oldest are closed',
    )
  }
}
