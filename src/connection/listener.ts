/** A listening socket for AMQP, plain or with TLS. */
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net'
import { createSecureContext, createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import { plainAddress } from '../util/address.ts'
import { listen } from '../util/listen.ts'
import { contextOf, type TlsSettings } from '../util/tls.ts'
import type { Unopened } from './unopened.ts'

const BACKLOG = 4096

export type Accept = (socket: Socket, listener: NetServer) => void
export type OnError = (error: Error) => void

export class Listener {
  readonly secure: boolean
  readonly net: NetServer
  private readonly tls: TlsSettings | undefined

  /**
   * @param unopened where sockets are counted whose TLS handshake is on its way
   * @throws the error of reading a certificate or key, or of using it
   */
  constructor(tls: TlsSettings | undefined, accept: Accept, onError: OnError, unopened: Unopened) {
    this.tls = tls
    this.secure = tls !== undefined
    const common = { noDelay: true, keepAlive: true }
    if (tls === undefined) {
      this.net = createServer({ ...common, pauseOnConnect: true }, (socket) => accept(socket, this.net))
      return
    }
    const server = createTlsServer({
      ...common,
      ...contextOf(tls),
    })
    addHosts(server, tls)
    const handshakes = countHandshakes(server, unopened)
    server.on('secureConnection', (socket) => {
      handshakes.ended(socket)
      accept(socket, server)
    })
    server.on('tlsClientError', (error, socket) => {
      onError(error)
      socket.destroy()
    })
    this.net = server
  }

  /** Resolves with the port. @throws the error of listen, such as EADDRINUSE */
  async listen(port: number, host: string | undefined, onError: OnError): Promise<number> {
    await listen(this.net, { port, host, backlog: BACKLOG }, onError)
    return this.address.port
  }

  get address(): AddressInfo {
    return this.net.address() as AddressInfo
  }

  /** Reads certificate and key again; connections that are open keep theirs. @throws where they cannot be used */
  reload(): void {
    if (this.tls === undefined) return
    const server = this.net as TlsServer
    server.setSecureContext(contextOf(this.tls))
    addHosts(server, this.tls)
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.net.close(() => resolve()))
  }
}

/** The sockets beneath TLS; these and the ones above have address and port in common. */
function countHandshakes(server: TlsServer, unopened: Unopened): { ended(secure: Socket): void } {
  const sockets = new Map<string, Socket>()
  const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket)
    sockets.set(key, socket)
    unopened.add(socket, plainAddress(socket.remoteAddress))
    socket.once('close', () => {
      unopened.remove(socket)
      if (sockets.get(key) === socket) sockets.delete(key)
    })
  })
  return {
    ended: (secure) => {
      const key = keyOf(secure)
      const socket = sockets.get(key)
      if (socket !== undefined) unopened.remove(socket)
      sockets.delete(key)
    },
  }
}

/** Later contexts of the same host come before earlier ones. */
function addHosts(server: TlsServer, { hosts = [], minVersion }: TlsSettings): void {
  for (const { host, certfile, keyfile } of hosts)
    server.addContext(
      host,
      createSecureContext({
        cert: readFileSync(certfile),
        key: readFileSync(keyfile),
        minVersion: (minVersion ?? 'TLSv1.2') as 'TLSv1.2' | 'TLSv1.3',
      }),
    )
}
