/** A listening socket for AMQP, plain or with TLS. */
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import { endOf, plainAddress } from '../util/address.ts'
import type { Certificates } from '../util/certificates.ts'
import { listen } from '../util/listen.ts'
import type { Logger } from '../util/logger.ts'
import { contextOf, handshakeMsOf, type TlsSettings } from '../util/tls.ts'
import { paceHandshakes } from '../util/tls-pace.ts'
import { refuseTlsClients } from '../util/tls-refusals.ts'
import { readHeader } from './peer.ts'
import type { Unopened } from './unopened.ts'

export type OnError = (error: Error) => void

/** Receives accepted sockets. */
export interface Acceptor {
  accept(socket: Socket, net: NetServer): void
  /** Called before the TLS handshake; false = continue with `accept`. */
  relayed(socket: Socket, listener: Listener): boolean
  /** Whether the address is that of a load balancer, which sends a PROXY header. */
  isBalancer(address: string): boolean
}

export class Listener {
  readonly secure: boolean
  readonly net: NetServer
  /** Performs TLS handshakes; does not listen itself. */
  private readonly tls: TlsServer | undefined
  private readonly acceptor: Acceptor
  private readonly handshakes: Handshakes
  /** ms for a PROXY header. */
  private readonly headerMs: number
  private readonly certificates: Certificates

  /**
   * @param unopened counts sockets during their TLS handshake
   * @param certificates to which the certificate of the listener is added
   * @throws the error of reading a certificate or key, or of using it
   */
  constructor(
    tls: TlsSettings | undefined,
    acceptor: Acceptor,
    logger: Logger,
    unopened: Unopened,
    certificates: Certificates,
  ) {
    this.acceptor = acceptor
    this.certificates = certificates
    this.handshakes = new Handshakes(unopened)
    this.headerMs = handshakeMsOf(tls ?? {})
    this.secure = tls !== undefined
    const common = { noDelay: true, keepAlive: true }
    if (tls === undefined) {
      this.net = createServer({ ...common, pauseOnConnect: true }, (socket) => {
        if (!socket.destroyed && !acceptor.relayed(socket, this)) acceptor.accept(socket, this.net)
      })
      return
    }
    const options = contextOf(tls)
    const server = createTlsServer(options)
    paceHandshakes(server, options)
    certificates.add(server, tls, options)
    server.on('secureConnection', (socket) => {
      const client = this.handshakes.ended(socket)
      if (socket.destroyed) return
      if (client !== undefined) showAs(socket, client)
      acceptor.accept(socket, server)
    })
    refuseTlsClients(server, tls, 'AMQP', logger)
    server.on('tlsClientError', (_, socket) => socket.destroy())
    this.tls = server
    this.net = createServer(common, (socket) => {
      if (!socket.destroyed && !acceptor.relayed(socket, this)) this.begin(server, socket)
    })
  }

  /** Resolves with the port. @throws the error of listen, such as EADDRINUSE */
  async listen(port: number, host: string | undefined, onError: OnError): Promise<number> {
    await listen(this.net, { port, host }, onError)
    return this.address.port
  }

  /**
   * Takes a socket that was accepted elsewhere, as if it had been accepted here.
   * @param client the client's address, if it differs from the socket's
   */
  take(socket: Socket, client?: ClientAddress): void {
    if (this.tls === undefined) {
      if (client !== undefined) showAs(socket, client)
      this.acceptor.accept(socket, this.net)
    } else this.begin(this.tls, socket, client)
  }

  /** Begins a TLS handshake, after the PROXY header if a load balancer has connected. */
  private begin(server: TlsServer, socket: Socket, client?: ClientAddress): void {
    const announced = this.handshakes.began(socket, client)
    if (!this.acceptor.isBalancer(plainAddress(socket.remoteAddress))) {
      server.emit('connection', socket)
      return
    }
    readHeader(socket, this.headerMs, (peer) => {
      if (peer instanceof Error) {
        server.emit('tlsClientError', peer, socket)
        return
      }
      if (peer !== undefined) announced(peer)
      server.emit('connection', socket)
    })
  }

  get address(): AddressInfo {
    return this.net.address() as AddressInfo
  }

  close(): Promise<void> {
    if (this.tls !== undefined) this.certificates.remove(this.tls)
    return new Promise((resolve) => this.net.close(() => resolve()))
  }
}

export interface ClientAddress {
  readonly address: string
  readonly port: number
}

/** Makes the socket report the client's address. */
export function showAs(socket: Socket, { address, port }: ClientAddress): void {
  Object.defineProperties(socket, {
    remoteAddress: { value: address, configurable: true },
    remotePort: { value: port, configurable: true },
  })
}

/** The raw sockets that are in their TLS handshake. */
class Handshakes {
  private readonly unopened: Unopened
  /** By the ends that they have in common with their TLS sockets. */
  private readonly sockets = new Map<string, Handshake>()

  constructor(unopened: Unopened) {
    this.unopened = unopened
  }

  /** Returns a function to be called when a load balancer has announced the client's address. */
  began(socket: Socket, client?: ClientAddress): (client: ClientAddress) => void {
    const key = endOf(socket)
    const handshake: Handshake = { socket, client }
    this.sockets.set(key, handshake)
    // Handshakes take turns by address: those of a standby's clients, or a balancer's, must not count as one.
    if (client !== undefined) showAs(socket, client)
    this.unopened.add(socket, plainAddress(socket.remoteAddress))
    socket.once('close', () => {
      this.unopened.remove(socket)
      if (this.sockets.get(key) === handshake) this.sockets.delete(key)
    })
    return (announced) => {
      handshake.client = announced
      showAs(socket, announced)
      this.unopened.moved(socket, plainAddress(announced.address))
    }
  }

  /** Returns the client's address, if it differs from the socket's. */
  ended(secure: Socket): ClientAddress | undefined {
    const key = endOf(secure)
    const found = this.sockets.get(key)
    if (found !== undefined) this.unopened.remove(found.socket)
    this.sockets.delete(key)
    return found?.client
  }
}

interface Handshake {
  readonly socket: Socket
  client: ClientAddress | undefined
}
