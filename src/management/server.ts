/** The HTTP API's server: authentication, errors, and the routes of `routes/`. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaValidationError,
  fastify,
} from 'fastify'
import type { HttpSettings } from '../config/settings.ts'
import { type ClientAddress, showAs } from '../connection/listener.ts'
import { passwordLogin } from '../connection/login.ts'
import { HTTP_BODY_BYTES_SHORT, HTTP_OBJECT_BYTES_MAX } from '../limits.ts'
import { AmqpError } from '../protocol/errors.ts'
import type { OAuth } from '../security/oauth.ts'
import type { Principal } from '../security/principal.ts'
import { LoginThrottle } from '../security/throttle.ts'
import type { Users } from '../security/users.ts'
import { anyAddress, plainAddress } from '../util/address.ts'
import { listen } from '../util/listen.ts'
import { type Listening, listeningAt } from '../util/listening.ts'
import { RepeatedLines } from '../util/repeated-lines.ts'
import { hearErrorsOfServer } from '../util/sockets.ts'
import { nextTurn } from '../util/timers.ts'
import { contextOf, type TlsSettings } from '../util/tls.ts'
import { logTlsRefusals } from '../util/tls-refusals.ts'
import { answerHeaders } from './answer-headers.ts'
import { checkBody, parseBody, parseDefinitions } from './body.ts'
import { BodyBudget } from './body-budget.ts'
import {
  type AddRoute,
  activeOn,
  badRequest,
  errorReply,
  HttpError,
  hasTag,
  missingTag,
  nobody,
  notAuthorised,
  notLoggedIn,
  owner,
  Request,
  type Tag,
} from './http.ts'
import { HttpConnections } from './http-connections.ts'
import { parseBitByBit } from './http-intake.ts'
import { columnsOf } from './listing.ts'
import { loginRoute } from './login.ts'
import type { ManagedNode } from './managed-node.ts'
import { otherMethods, Paths } from './methods.ts'
import { servePages } from './pages.ts'
import { Rates } from './rates.ts'
import { accessRoutes } from './routes/access.ts'
import { clientRoutes } from './routes/clients.ts'
import { clusterRoutes } from './routes/cluster.ts'
import { definitionRoutes } from './routes/definitions.ts'
import { faultRoutes } from './routes/faults.ts'
import { healthRoutes } from './routes/health.ts'
import { insightRoutes } from './routes/insight.ts'
import { nodeRoutes } from './routes/nodes.ts'
import { overviewRoutes } from './routes/overview.ts'
import { parameterRoutes } from './routes/parameters.ts'
import { policyRoutes } from './routes/policies.ts'
import { processRoutes } from './routes/process.ts'
import { queueRoutes } from './routes/queues.ts'
import { shovelRoutes } from './routes/shovels.ts'
import { topologyRoutes } from './routes/topology.ts'
import { vhostRoutes } from './routes/vhosts.ts'
import { type DescribedRoute, openApi } from './schemas/openapi.ts'
import { requests } from './schemas/requests.ts'
import { routeDoc } from './schemas/routes.ts'
import { dropSlowClients } from './slow-clients.ts'
import { StandbyUsers } from './standby-users.ts'
import { webRoutes } from './web.ts'
import { serveWebSockets } from './websocket.ts'

/** Every node answers these itself, with or without a broker. */
const answeredByEveryNode = /^\/api\/(cluster|health|healthchecks|nodes)\b/

export class ManagementServer {
  readonly rates: Rates
  private readonly app: FastifyInstance
  private readonly node: ManagedNode
  private readonly servers: Server[] = []
  private handler: RequestListener = () => {}
  private readonly onRequest: RequestListener = (request, response) => this.serve(request, response)
  /** Listens on no port: it handles the connections that other nodes forward. */
  private readonly relayed = createServer((request, response) => this.handler(request, response))
  /** Node.js does not track the connections of a server that does not listen. */
  private readonly relayedSockets = new Set<Socket>()
  private readonly throttle = new LoginThrottle()
  private readonly standbyUsers: StandbyUsers
  private readonly doorLines: RepeatedLines
  private readonly bodies = new BodyBudget()
  private readonly pathPrefix: string
  private readonly localSockets = new WeakSet<object>()
  private readonly principals = new WeakMap<FastifyRequest, Principal>()
  /** All routes, for the description of the API. */
  private readonly routes: DescribedRoute[] = []
  private readonly paths = new Paths()

  /** @throws the error of reading the certificate or key */
  constructor(node: ManagedNode, settings: HttpSettings) {
    this.node = node
    this.rates = new Rates(node)
    const { pathPrefix, bodyBytesMax } = settings
    this.pathPrefix = pathPrefix
    this.standbyUsers = new StandbyUsers(node.settings.loopbackUsers)
    this.doorLines = new RepeatedLines(node.logger, () => node.clock.now())
    this.guardRelayed()
    this.app = fastify({
      // The listeners, of which there may be several, with or without TLS, pass requests to it.
      serverFactory: (handler) => {
        this.handler = handler
        return createServer(handler)
      },
      rewriteUrl: (request) => this.withoutPrefix(request, pathPrefix),
      bodyLimit: bodyBytesMax,
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
      forceCloseConnections: true,
      ajv: {
        customOptions: { coerceTypes: false, removeAdditional: false, allowUnionTypes: true, verbose: true },
      },
      // URLs that cannot be decoded match nothing, as in RabbitMQ; they fail before any route.
      frameworkErrors: (error, _request, reply) => errorReply(error, reply),
    })
    this.app.setErrorHandler((error, request, reply) => {
      const status = errorReply(isBadForm(request) ? badRequest('not a form') : error, reply)
      const hasLeft = request.raw.destroyed && !request.raw.complete
      if (status >= 500 && status !== 503 && !hasLeft)
        node.logger.error({ err: error }, 'HTTP request failed')
    })
    this.readBodies(bodyBytesMax)
    for (const routes of [
      overviewRoutes,
      nodeRoutes,
      processRoutes,
      healthRoutes,
      vhostRoutes,
      accessRoutes,
      queueRoutes,
      insightRoutes,
      topologyRoutes,
      policyRoutes,
      clientRoutes,
      definitionRoutes,
      parameterRoutes,
      shovelRoutes,
      faultRoutes,
      clusterRoutes,
    ])
      routes(this.add, node, this.rates)
    this.paths.add('POST', '/api/login')
    answerHeaders(this.app, settings)
    otherMethods(this.app, this.paths)
    this.app.get('/api/openapi.json', () => openApi(this.routes))
    loginRoute(this.app, (raw, authorization) => this.authenticate(raw, authorization))
    servePages(this.app, this.routes, pathPrefix)
    webRoutes(this.app, settings)
  }

  private readBodies(bodyBytesMax: number): void {
    // Bodies are JSON whatever their type says, as in RabbitMQ; some clients send DELETE and PUT with a type but no
    // body.
    this.app.removeAllContentTypeParsers()
    this.app.addContentTypeParser(
      ['application/json', '*'],
      { parseAs: 'buffer' },
      async (request: FastifyRequest, body: string | Buffer) =>
        /^\/api\/(definitions|all-configuration)/.test(request.routeOptions.url ?? '')
          ? await parseDefinitions(body as Buffer)
          : parseBody(String(body)),
    )
    void this.app.register(multipart, {
      attachFieldsToBody: 'keyValues',
      limits: { fileSize: bodyBytesMax, fieldSize: HTTP_BODY_BYTES_SHORT, files: 1, fields: 10 },
    })
  }

  private guardRelayed(): void {
    hearErrorsOfServer(this.relayed)
    dropSlowClients(this.relayed, this.node.limits.sendTimeoutMs)
    parseBitByBit(this.relayed)
  }

  /** Clients of the control socket do not use the prefix. */
  private withoutPrefix(request: IncomingMessage, prefix: string): string {
    const url = request.url ?? '/'
    if (prefix === '' || this.localSockets.has(request.socket)) return url
    if (url === prefix) return '/'
    return url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : '/outside-of-the-prefix'
  }

  private readonly add: AddRoute = (method, path, tag, handler) => {
    const doc = routeDoc(method, path)
    this.routes.push({ method, path, tag, doc })
    this.paths.add(method, `/api/${path}`)
    this.app.route({
      method,
      url: `/api/${path}`,
      bodyLimit: Math.min(this.node.settings.http.bodyBytesMax, bodyBytesOf(path)),
      // Before the body is read, so that unauthorized clients send none.
      onRequest: async (raw) => {
        const user = tag === 'none' ? nobody : await this.authenticate(raw)
        this.checkTag(user, tag, raw)
        this.principals.set(raw, user)
      },
      preParsing: async (raw, reply, body) => this.reserveBody(raw, reply, body),
      preValidation: async (raw) => {
        raw.body = await fromForm(raw.body)
        if (doc.body !== undefined) checkBody(raw, requests[doc.body])
      },
      preHandler: async (raw) => {
        if (doc.body !== undefined) checkBody(raw, requests[doc.body])
        // Again, because the body may have taken a while.
        this.checkTag(this.principals.get(raw) as Principal, tag, raw)
      },
      handler: async (raw, reply) => {
        // If very many requests are ready at once, a turn handles only as many as it has time for.
        await nextTurn()
        const r = new Request(this.node, this.principals.get(raw) as Principal, raw, reply)
        const answer = await handler(r)
        if (answer instanceof Readable) {
          if (!reply.hasHeader('content-type')) void reply.type('application/json')
          return reply.send(answer)
        }
        return answer === undefined ? reply.send() : columnsOf(answer, r.query)
      },
    })
  }

  /** Reserved until the request ends. @throws HttpError 503 */
  private reserveBody(raw: FastifyRequest, reply: FastifyReply, body: Readable): Readable {
    const { name } = this.principals.get(raw) as Principal
    const held = (release: () => void): void => {
      reply.raw.once('close', release)
    }
    const isChunked = raw.headers['transfer-encoding'] !== undefined
    const told = isChunked ? Number.POSITIVE_INFINITY : Number(raw.headers['content-length'] ?? 0)
    if (told <= HTTP_BODY_BYTES_SHORT) return body
    if (!isForm(raw)) return this.bodies.counted(name, body, held)
    // The form parser reads past the stream that is returned here.
    held(this.bodies.reserve(name, Math.min(told, this.node.settings.http.bodyBytesMax)))
    return body
  }

  /** Checks the tags that the user currently has. @throws HttpError 401 */
  private checkTag(user: Principal, tag: Tag, raw: FastifyRequest): void {
    const now = this.node.clock.now()
    if (user.expires !== undefined && user.expires <= now) throw notLoggedIn
    if (hasTag(user, tag)) return
    const { method, url: path } = raw
    this.node.logger.warn({ user: user.name, method, path }, 'HTTP request refused')
    throw notAuthorised(missingTag[tag])
  }

  /** @throws HttpError 401 */
  private async authenticate(
    raw: FastifyRequest,
    authorization = raw.headers.authorization ?? '',
  ): Promise<Principal> {
    if (this.localSockets.has(raw.raw.socket)) return owner
    const [scheme = '', credentials = ''] = authorization.split(' ')
    const { clock } = this.node
    const now = clock.now()
    const { users, throttle, oauth } = this.loginParts(now)
    const address = plainAddress(raw.ip)
    const wait = (): Promise<void> =>
      new Promise((resolve) => clock.after(throttle.delay(address, clock.now()), resolve))
    let user: Principal | undefined
    if (scheme.toLowerCase() === 'bearer') {
      await wait()
      user = await oauth?.verify(credentials)
    } else if (scheme.toLowerCase() === 'basic') {
      const text = Buffer.from(credentials, 'base64').toString('utf8')
      const colon = text.indexOf(':')
      const [name, password] = [text.slice(0, colon), text.slice(colon + 1)]
      user = await passwordLogin(users, oauth, name, password, address, wait).catch((error) => {
        if (!(error instanceof AmqpError)) throw error
        this.doorLines.warn({ address }, 'HTTP login refused: too many are waiting')
        throw new HttpError(503, 'busy', error.message)
      })
    } else throw notLoggedIn
    if (user === undefined) {
      throttle.refused(address, now, 'http')
      this.doorLines.warn({ address }, 'HTTP login refused')
      throw notLoggedIn
    }
    throttle.succeeded(address, 'http')
    return user
  }

  /** A node without a broker uses the users in its store. @throws HttpError 503 */
  private loginParts(now: number): { users: Users; throttle: LoginThrottle; oauth: OAuth | undefined } {
    const { active, cluster } = this.node
    if (active === undefined && cluster !== undefined)
      return { users: this.standbyUsers.read(cluster, now), throttle: this.throttle, oauth: undefined }
    const { model, server } = activeOn(this.node)
    return { users: model.users, throttle: server.throttle, oauth: server.login.oauth }
  }

  /** Forwards requests that need a broker to the cluster's active node. */
  private passedOn(request: IncomingMessage, response: ServerResponse, local: boolean): boolean {
    const { active, cluster } = this.node
    if (active !== undefined || cluster === undefined || !cluster.canForward) return false
    const path = (local ? request.url : this.withoutPrefix(request, this.pathPrefix)) ?? '/'
    if (!path.startsWith('/api/') || answeredByEveryNode.test(path)) return false
    cluster.forward(request, response, local)
    return true
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    if (!this.passedOn(request, response, false)) this.handler(request, response)
  }

  /** Accepts a client that another node has forwarded. */
  take(socket: Socket, client: ClientAddress, owner: boolean): void {
    showAs(socket, client)
    if (owner) this.localSockets.add(socket)
    this.relayedSockets.add(socket)
    socket.once('close', () => this.relayedSockets.delete(socket))
    this.relayed.emit('connection', socket)
  }

  /** Serves the owner of the data folder without a password: only that user can open the control socket. */
  async serveLocally(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.localSockets.add(request.socket)
    if (this.passedOn(request, response, true)) return
    await this.app.ready()
    this.app.routing(request, response)
  }

  /** Resolves with the port. @throws the error of listen, or of an unusable certificate */
  async listen(port: number, host: string | undefined, tls?: TlsSettings): Promise<Listening> {
    await this.app.ready()
    const server =
      tls === undefined ? createServer(this.onRequest) : createTlsServer(contextOf(tls), this.onRequest)
    this.servers.push(server)
    if (tls !== undefined) logTlsRefusals(server, 'the HTTP API', this.node.logger)
    dropSlowClients(server, this.node.limits.sendTimeoutMs)
    parseBitByBit(server)
    const connections = new HttpConnections(server, this.node.listeners.descriptors)
    serveWebSockets(server, this.node.listeners, this.node.logger, (socket) => connections.release(socket))
    await listen(server, { port, host: host ?? anyAddress() })
    return listeningAt(tls === undefined ? 'http' : 'https', server)
  }

  async close(): Promise<void> {
    this.rates.stop()
    for (const socket of this.relayedSockets) socket.destroy()
    await Promise.all(
      this.servers.map((server) => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      }),
    )
    await this.app.close()
  }
}

/** Compiles a schema when a body is first checked against it: all of them at the start would take a while. @throws HttpError 400 */
function checkBody(raw: FastifyRequest, schema: object): void {
  const validate = raw.compileValidationSchema(schema, 'body')
  if (!validate(raw.body)) throw schemaError(validate.errors?.[0] as FastifySchemaValidationError | undefined)
}

/** Whether the form parser has failed: its errors do not say that the client is at fault. */
function isBadForm(request: FastifyRequest): boolean {
  return request.body === undefined && isForm(request)
}

/** Messages and definitions may be large. */
function bodyBytesOf(path: string): number {
  const isLong = /^(definitions|all-configuration)|\/(publish|route)$/.test(path)
  return isLong ? Number.MAX_SAFE_INTEGER : HTTP_OBJECT_BYTES_MAX
}

function isForm(request: FastifyRequest): boolean {
  return /^multipart\//i.test(request.headers['content-type'] ?? '')
}

/** A form with a definitions file, as browsers and curl send it, counts as the file's content. @throws HttpError 400 */
async function fromForm(body: unknown): Promise<unknown> {
  const file = (body as { file?: unknown } | undefined)?.file
  if (!Buffer.isBuffer(file)) return body ?? {}
  return await parseDefinitions(file)
}
