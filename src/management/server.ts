/** The HTTP API's listeners and connections. `application.ts`, which answers requests, is loaded later. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import type { HttpSettings } from '../config/settings.ts'
import { type ClientAddress, showAs } from '../connection/listener.ts'
import { anyAddress } from '../util/address.ts'
import { listen } from '../util/listen.ts'
import { type Listening, listeningAt } from '../util/listening.ts'
import { hearErrorsOfServer } from '../util/sockets.ts'
import { startTimer, stopTimer, type Timeout } from '../util/timers.ts'
import type { TlsSettings } from '../util/tls.ts'
import { createPacedServer } from '../util/tls-pace.ts'
import { refuseTlsClients } from '../util/tls-refusals.ts'
import type { Application, ApplicationServer } from './application.ts'
import { HttpConnections } from './http-connections.ts'
import { closeWhenRead, parseBitByBit } from './http-intake.ts'
import type { ManagedNode } from './managed-node.ts'
import { Rates } from './rates.ts'
import { dropSlowClients } from './slow-clients.ts'
import { serveWebSockets } from './websocket.ts'

/** Time from opening the ports until the API is loaded, if no client connects before. */
const LOAD_AFTER_MS = 1000

/** Paths that every node answers itself, with or without a broker. */
const answeredByEveryNode = /^\/api\/(cluster\/(status|promote)|health|healthchecks|nodes)\b/

/** Loads the code that answers requests. */
async function loadApplication(server: ApplicationServer): Promise<Application> {
  const { Application } = await import('./application.ts')
  return await Application.make(server)
}

export class ManagementServer implements ApplicationServer {
  readonly node: ManagedNode
  readonly rates: Rates
  private application: Promise<Application> | undefined
  /** The application once it is loaded. */
  private loaded: Application | undefined
  private isClosed = false
  private loading: Timeout | undefined
  private readonly servers: Server[] = []
  private readonly onRequest: RequestListener = (request, response) => {
    if (!this.passedOn(request, response)) this.answer(request, response)
  }
  /** Listens on no port: it handles the connections that other nodes forward. */
  private readonly relayed = createServer((request, response) => this.answer(request, response))
  /** Node.js does not track the connections of a server that does not listen. */
  private readonly relayedSockets = new Set<Socket>()
  private readonly pathPrefix: string
  private readonly localSockets = new WeakSet<object>()
  private readonly make: typeof loadApplication

  constructor(node: ManagedNode, settings: HttpSettings, make = loadApplication) {
    this.node = node
    this.make = make
    this.rates = new Rates(node)
    this.pathPrefix = settings.pathPrefix
    hearErrorsOfServer(this.relayed)
    dropSlowClients(this.relayed, node.limits.sendTimeoutMs)
    parseBitByBit(this.relayed)
  }

  /**
   * Loads the application. This takes longer than the rest of a start, so it happens when the first client connects, or
   * when the ports have been open for a while: a broker that runs only briefly, as in a test, is spared the cost.
   */
  private load(): Promise<Application> {
    this.application ??= this.make(this).then(
      (application) => {
        this.loaded = application
        return application
      },
      (error: unknown) => {
        // The next attempt may succeed.
        this.application = undefined
        throw error
      },
    )
    return this.application
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.loaded !== undefined) this.loaded.handle(request, response)
    else
      this.load().then(
        (application) => application.handle(request, response),
        (error: unknown) => this.cannotAnswer(error, response),
      )
  }

  private cannotAnswer(error: unknown, response: ServerResponse): void {
    this.node.logger.error({ err: error }, 'the HTTP API cannot be loaded')
    response.writeHead(503, { 'content-type': 'application/json', connection: 'close' })
    response.end(
      JSON.stringify({ error: 'unavailable', reason: 'the HTTP API cannot be loaded; see the log' }),
    )
  }

  isLocal(request: IncomingMessage): boolean {
    return this.localSockets.has(request.socket)
  }

  /** Clients of the control socket do not use the prefix. */
  urlOf(request: IncomingMessage): string {
    const url = request.url ?? '/'
    const prefix = this.pathPrefix
    if (prefix === '' || this.isLocal(request)) return url
    if (url === prefix || url.startsWith(`${prefix}?`)) return `/${url.slice(prefix.length)}`
    return url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : '/outside-of-the-prefix'
  }

  /** Forwards requests that need a broker to the cluster's active node. */
  private passedOn(request: IncomingMessage, response: ServerResponse): boolean {
    const { active, cluster } = this.node
    if (active !== undefined || cluster === undefined || !cluster.canForward) return false
    const path = this.urlOf(request)
    if (!path.startsWith('/api/') || answeredByEveryNode.test(path)) return false
    cluster.forward(request, response, this.isLocal(request))
    return true
  }

  /** Accepts a client that another node has forwarded. */
  take(socket: Socket, client: ClientAddress, owner: boolean): void {
    showAs(socket, client)
    if (owner) this.localSockets.add(socket)
    this.relayedSockets.add(socket)
    closeWhenRead(socket)
    socket.once('close', () => this.relayedSockets.delete(socket))
    this.relayed.emit('connection', socket)
  }

  /** Serves the owner of the data folder without a password: only that user can open the control socket. */
  serveLocally(request: IncomingMessage, response: ServerResponse): void {
    this.localSockets.add(request.socket)
    if (!this.passedOn(request, response)) this.answer(request, response)
  }

  /** Resolves with the port. @throws the error of listen, or of an unusable certificate */
  async listen(port: number, host: string | undefined, tls?: TlsSettings): Promise<Listening> {
    const { certificates, descriptors } = this.node.listeners
    const server =
      tls === undefined ? createServer(this.onRequest) : createPacedServer(tls, certificates, this.onRequest)
    this.servers.push(server)
    if (tls !== undefined) refuseTlsClients(server, tls, 'the HTTP API', this.node.logger)
    dropSlowClients(server, this.node.limits.sendTimeoutMs)
    parseBitByBit(server)
    const connections = new HttpConnections(server, descriptors)
    serveWebSockets(server, this.node.listeners, this.node.logger, (socket) => connections.release(socket))
    server.once('connection', () => this.loadAhead())
    await listen(server, { port, host: host ?? anyAddress() })
    this.loading ??= startTimer(() => this.loadAhead(), LOAD_AFTER_MS).unref()
    return listeningAt(tls === undefined ? 'http' : 'https', server)
  }

  /** A failure is reported to the client that sends the first request. */
  private loadAhead(): void {
    if (!this.isClosed) this.load().catch(() => {})
  }

  async close(): Promise<void> {
    this.isClosed = true
    stopTimer(this.loading)
    this.rates.stop()
    for (const socket of this.relayedSockets) socket.destroy()
    await Promise.all(
      this.servers.map((server) => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      }),
    )
    await (await this.application?.catch(() => undefined))?.close()
  }
}
