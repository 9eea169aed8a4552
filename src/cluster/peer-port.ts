/** The port on which nodes reach each other: for copies of the store, and for clients relayed by standbys. */

import { createServer, connect as netConnect, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer, connect as tlsConnect } from 'node:tls'
import { readProxyHeader } from '../connection/proxy-protocol.ts'
import { Unopened, type UnopenedBounds } from '../connection/unopened.ts'
import { anyAddress, endOf, plainAddress } from '../util/address.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Descriptors } from '../util/descriptors.ts'
import { listen } from '../util/listen.ts'
import type { Logger } from '../util/logger.ts'
import { RepeatedLines } from '../util/repeated-lines.ts'
import { dropGone, hearErrors } from '../util/sockets.ts'
import type { TlsSettings } from '../util/tls.ts'
import { boundInputOf, releaseInput } from '../util/tls-input.ts'
import { paceHandshakes } from '../util/tls-pace.ts'
import { refuseTlsClients } from '../util/tls-refusals.ts'
import {
  accept,
  askPeer,
  hearPeer,
  PeerError,
  type PeerRequest,
  type RelayedTo,
  readExactly,
  refuse,
} from './peer-handshake.ts'
import { PeerTls } from './peer-tls.ts'

const HANDSHAKE_MS_MAX = 5000
const CONNECT_MS_MAX = 2000
/**
 * ms of silence after which TCP keepalive probes the other machine, which may disappear without closing connections.
 */
const KEEP_ALIVE_MS = 10_000

export interface PeerSettings {
  readonly secret: string
  readonly tls: TlsSettings | undefined
}

export interface RelayedClient {
  readonly to: RelayedTo
  readonly index: number
  readonly address: string
  readonly port: number
}

export interface PeerListener {
  /** Sends the contents of the store. @throws Error if there is none at the moment */
  snapshot(socket: Socket): Promise<void>
  /** Why clients cannot be accepted; undefined if they can. */
  refusesClients(): string | undefined
  /** Takes a client relayed by a standby. */
  client(socket: Socket, client: RelayedClient): void
}

interface Stranger {
  readonly socket: Socket
  readonly timer: Timer
}

/**
 * Maximum number of connections that have not yet proved to know the secret; beyond it, the oldest one of the address
 * with the most of them is closed.
 */
export const STRANGERS_MAX = 256
/** The same for one address. */
export const STRANGERS_OF_ADDRESS_MAX = 192

const STRANGERS: UnopenedBounds = { all: STRANGERS_MAX, perAddress: STRANGERS_OF_ADDRESS_MAX }

export class PeerPort {
  port = 0
  private readonly settings: PeerSettings
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly listener: PeerListener
  private readonly sockets = new Set<Socket>()
  private server: Server | undefined
  private readonly tls: PeerTls | undefined
  /** Sockets that have not proved to know the secret, as accepted (below TLS), by address and port. */
  private readonly strangers = new Map<string, Stranger>()
  /** Bounds these sockets. Nodes prove at once that they know the secret, so the oldest of an address are not nodes. */
  private readonly unknown: Unopened
  private readonly doorLines: RepeatedLines

  constructor(settings: PeerSettings, clock: Clock, logger: Logger, listener: PeerListener) {
    this.settings = settings
    this.clock = clock
    this.logger = logger
    this.listener = listener
    if (settings.tls !== undefined)
      this.tls = new PeerTls(settings.tls, clock, logger, (options) =>
        (this.server as TlsServer | undefined)?.setSecureContext(options),
      )
    this.doorLines = new RepeatedLines(logger, () => clock.now())
    this.unknown = new Unopened(
      () => STRANGERS,
      () => clock.elapsed(),
      (address) =>
        this.doorLines.warn({ address }, 'peers closed to make room: they have not said who they are'),
    )
  }

  /** Resolves with the port. @throws the error of listen, or of a certificate */
  async listen(port: number, host: string | undefined, descriptors: Descriptors): Promise<number> {
    const { tls } = this
    const taken = (socket: Socket): void => this.came(socket)
    this.server = tls === undefined ? createServer(taken) : this.createTls(tls, taken)
    this.server.prependListener('connection', (socket: Socket) => this.knock(socket))
    descriptors.guard(this.server)
    dropGone(this.server)
    await listen(this.server, { port, host: host ?? anyAddress() }, (error) =>
      this.logger.warn({ err: error.message }, 'peer port error'),
    )
    const address = this.server.address()
    this.port = address !== null && typeof address === 'object' ? address.port : port
    return this.port
  }

  private createTls({ options }: PeerTls, taken: (socket: Socket) => void): TlsServer {
    const server = createTlsServer(options, taken)
    paceHandshakes(server, options)
    if (this.settings.tls !== undefined)
      refuseTlsClients(server, this.settings.tls, 'the peer port', this.logger)
    server.on('tlsClientError', (_, socket: Socket) => socket.destroy())
    return server
  }

  private knock(socket: Socket): void {
    this.tls?.look()
    hearErrors(socket)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    const key = endOf(socket)
    const timer = this.clock.after(HANDSHAKE_MS_MAX, () => socket.destroy())
    this.strangers.set(key, { socket, timer })
    this.sockets.add(socket)
    this.unknown.add(socket, plainAddress(socket.remoteAddress))
    socket.once('close', () => {
      this.sockets.delete(socket)
      this.known(key, socket)
    })
  }

  /** Called when the connection has proved to know the secret, or is closed. */
  private known(key: string, socket?: Socket): void {
    const stranger = this.strangers.get(key)
    if (stranger === undefined || (socket !== undefined && stranger.socket !== socket)) return
    stranger.timer.cancel()
    this.unknown.remove(stranger.socket)
    this.strangers.delete(key)
  }

  private came(socket: Socket): void {
    if (socket.destroyed) return
    hearErrors(socket)
    if (this.tls === undefined) boundInputOf(socket)
    const key = endOf(socket)
    hearPeer(socket, this.settings.secret)
      .then((request) => {
        this.known(key)
        releaseInput(socket)
        return this.serve(socket, request)
      })
      .catch((error) => {
        this.doorLines.warn({ address: socket.remoteAddress, err: (error as Error).message }, 'peer refused')
        socket.destroy()
      })
  }

  private async serve(socket: Socket, request: PeerRequest): Promise<void> {
    if (request.want === 'snapshot') {
      accept(socket)
      await this.listener.snapshot(socket)
      socket.end()
      return
    }
    const refusal = this.listener.refusesClients()
    if (refusal !== undefined) {
      refuse(socket, refusal)
      return
    }
    accept(socket)
    const { address, port } = await readClient(socket)
    this.listener.client(socket, { to: request.to, index: request.index, address, port })
  }

  /** Opens a connection to another node, and requests something, which follows on it. @throws Error */
  async ask(host: string, port: number, request: PeerRequest): Promise<Socket> {
    const socket = await this.connect(host, port)
    const timer = this.clock.after(HANDSHAKE_MS_MAX, () => socket.destroy())
    try {
      await askPeer(socket, this.settings.secret, request)
      return socket
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      timer.cancel()
    }
  }

  private connect(host: string, port: number): Promise<Socket> {
    const { tls } = this
    const socket =
      tls === undefined
        ? netConnect({ host, port })
        : tlsConnect({
            host,
            port,
            ...tls.toNode(`${host} ${port}`),
            // Certificates are issued by the cluster's authority; the address determines which node it is.
            checkServerIdentity: () => undefined,
          })
    hearErrors(socket)
    if (tls !== undefined) socket.on('session', (session: Buffer) => tls.keep(`${host} ${port}`, session))
    // `tlsConnect` takes no such option: requests and answers would wait for each other's acknowledgements, 40 ms each.
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(CONNECT_MS_MAX, () => {
        socket.destroy()
        reject(new PeerError(`node at ${host}:${port} does not answer`))
      })
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
        timer.cancel()
        resolve(socket)
      })
      socket.once('error', (error) => {
        timer.cancel()
        reject(error)
      })
    })
  }

  async close(): Promise<void> {
    const { server } = this
    if (server === undefined) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const s of this.sockets) s.destroy()
    await closed
  }
}

/** Reads the PROXY header in front of a client's octets, and nothing beyond it. */
async function readClient(socket: Socket): Promise<{ address: string; port: number }> {
  const fixed = await readExactly(socket, 16)
  const all = Buffer.concat([fixed, await readExactly(socket, fixed.readUInt16BE(14))])
  const reading = readProxyHeader(all)
  if (reading === 'more' || reading === 'wrong' || reading.peer === undefined)
    throw new PeerError('no PROXY protocol header in front of a client')
  return reading.peer
}
