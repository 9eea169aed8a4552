/** Answers the requests of the HTTP API: the routes of `routes/`, authentication, bodies and errors. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { isLoopback, passwordLogin } from '../connection/login.ts'
import { HTTP_BODY_BYTES_SHORT, HTTP_OBJECT_BYTES_MAX } from '../limits.ts'
import { AmqpError } from '../protocol/errors.ts'
import type { OAuth } from '../security/oauth.ts'
import type { Principal } from '../security/principal.ts'
import { LoginThrottle } from '../security/throttle.ts'
import type { Users } from '../security/users.ts'
import { plainAddress } from '../util/address.ts'
import { RepeatedLines } from '../util/repeated-lines.ts'
import { nextTurn } from '../util/timers.ts'
import { answerHeaders } from './answer-headers.ts'
import { checkBody, parseBody, parseDefinitions } from './body.ts'
import { BodyBudget } from './body-budget.ts'
import { foreignPage } from './foreign-pages.ts'
import { fromForm, isForm, takesForms } from './forms.ts'
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
import { loggedIn } from './http-connections.ts'
import { columnsOf } from './listing.ts'
import { loginRoute } from './login.ts'
import { LongAnswers } from './long-answers.ts'
import type { ManagedNode } from './managed-node.ts'
import { otherMethods, Paths } from './methods.ts'
import { servePages } from './pages.ts'
import type { Rates } from './rates.ts'
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
import { StandbyUsers } from './standby-users.ts'
import { webRoutes } from './web.ts'
import { wholeBody } from './whole-body.ts'

const PAYLOAD_TOO_LARGE = 413

/** In the order of the API description. */
const allRoutes = [
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
]

/** The server that passes requests to the application, as far as the application uses it. */
export interface ApplicationServer {
  readonly node: ManagedNode
  readonly rates: Rates
  /** Whether the client is the owner of the data folder, who needs no password. */
  isLocal(request: IncomingMessage): boolean
  /** The request's URL without the configured prefix. */
  urlOf(request: IncomingMessage): string
}

interface LoginParts {
  /** @throws HttpError 503 */
  usersWith(name: string): Users
  readonly throttle: LoginThrottle
  readonly oauth: OAuth | undefined
}

export class Application {
  private readonly app: FastifyInstance
  private readonly server: ApplicationServer
  private readonly node: ManagedNode
  private readonly throttle = new LoginThrottle()
  private readonly standbyUsers: StandbyUsers
  private readonly doorLines: RepeatedLines
  private readonly bodies = new BodyBudget()
  private readonly longAnswers = new LongAnswers()
  private readonly principals = new WeakMap<FastifyRequest, Principal>()
  /** Forms that are being parsed. */
  private readonly parsing = new WeakSet<FastifyRequest>()
  /** All routes, for the description of the API. */
  private readonly routes: DescribedRoute[] = []
  private readonly paths = new Paths()

  /** Creates an application in steps, because the broker may be working already. */
  static async make(server: ApplicationServer): Promise<Application> {
    const made = new Application(server)
    for (const routes of allRoutes) {
      routes(made.add, made.node, server.rates)
      await nextTurn()
    }
    made.addOwnRoutes()
    await made.app.ready()
    return made
  }

  private constructor(server: ApplicationServer) {
    this.server = server
    const { node } = server
    this.node = node
    const { bodyBytesMax } = node.settings.http
    this.standbyUsers = new StandbyUsers(node.settings.loopbackUsers)
    this.doorLines = new RepeatedLines(node.logger, () => node.clock.now())
    this.app = fastify({
      rewriteUrl: (request) => server.urlOf(request as IncomingMessage),
      // HEAD routes would double their number, and creating routes is most of this work: see handle().
      exposeHeadRoutes: false,
      bodyLimit: bodyBytesMax,
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
      forceCloseConnections: true,
      ajv: {
        customOptions: {
          coerceTypes: false,
          removeAdditional: false,
          allowUnionTypes: true,
          verbose: true,
          // The schemas are ours and checked by tests; validating them would take 35 ms in the first request's turn.
          validateSchema: false,
        },
      },
      // URLs that cannot be decoded match nothing, as in RabbitMQ; they fail before any route.
      frameworkErrors: (error, _request, reply) => errorReply(error, reply),
    })
    this.app.setErrorHandler((error, request, reply) => {
      const status = errorReply(this.isBadForm(request, error) ? badRequest('not a form') : error, reply)
      const hasLeft = request.raw.destroyed && !request.raw.complete
      if (status >= 500 && status !== 503 && !hasLeft)
        node.logger.error({ err: error }, 'HTTP request failed')
    })
    this.readBodies(bodyBytesMax)
  }

  private addOwnRoutes(): void {
    const { http } = this.node.settings
    this.paths.add('POST', '/api/login')
    answerHeaders(this.app, http)
    otherMethods(this.app, this.paths)
    // Created once: it takes 10 ms, and needs no login.
    let description: string | undefined
    this.app.get('/api/openapi.json', (_request, reply) => {
      description ??= JSON.stringify(openApi(this.routes))
      return reply.type('application/json').send(description)
    })
    loginRoute(this.app, (raw, authorization) => this.authenticate(raw, authorization))
    servePages(this.app, this.routes, http.pathPrefix)
    webRoutes(this.app, http)
  }

  /** Answers a request. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    const { method } = request
    // HEAD finds the route of GET; the response, made for HEAD, leaves the body out.
    if (method === 'HEAD') request.method = 'GET'
    this.app.routing(request, response)
    request.method = method
  }

  async close(): Promise<void> {
    await this.app.close()
  }

  private readBodies(bodyBytesMax: number): void {
    // Bodies are JSON whatever their type says, as in RabbitMQ; some clients send DELETE and PUT with a type but no
    // body.
    this.app.removeAllContentTypeParsers()
    this.app.addContentTypeParser(
      ['application/json', '*'],
      async (request: FastifyRequest, payload: Readable) => {
        const told = Number(request.headers['content-length'])
        const body = await wholeBody(payload, told, request.routeOptions.bodyLimit)
        return takesForms(request) ? await parseDefinitions(body) : parseBody(body.toString())
      },
    )
    void this.app.register(multipart, {
      attachFieldsToBody: 'keyValues',
      limits: { fileSize: bodyBytesMax, fieldSize: HTTP_BODY_BYTES_SHORT, files: 1, fields: 10 },
    })
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
        if (tag !== 'none') loggedIn(raw.raw)
        this.checkTag(user, tag, raw)
        this.principals.set(raw, user)
      },
      preParsing: async (raw, reply, body) => {
        const read = this.reserveBody(raw, reply, body)
        if (isForm(raw)) this.parsing.add(raw)
        return read
      },
      preValidation: async (raw) => {
        this.parsing.delete(raw)
        raw.body = isForm(raw) ? await fromForm(raw, (raw.body ?? {}) as object) : (raw.body ?? {})
        if (doc.body !== undefined) checkBody(raw, requests[doc.body])
      },
      preHandler: async (raw) => {
        // Checked again, because the user may have changed while the body was being read.
        this.checkTag(this.principals.get(raw) as Principal, tag, raw)
      },
      handler: async (raw, reply) => {
        // If very many requests are ready at once, a turn handles only as many as it has time for.
        await nextTurn(plainAddress(raw.ip))
        const user = this.principals.get(raw) as Principal
        const r = new Request(this.node, user, raw, reply, this.longAnswers, this.bodies)
        const answer = await handler(r)
        if (answer instanceof Readable) {
          if (!reply.hasHeader('content-type')) void reply.type('application/json')
          return reply.send(answer)
        }
        if (answer === undefined) return reply.send()
        // As one text, it would be generated in one turn, and kept in memory if the client does not read.
        if (Array.isArray(answer)) return r.inPieces(answer, (item) => item)
        return columnsOf(answer, r.query)
      },
    })
  }

  /** Whether the form parser failed. Except for size, its errors do not say that the client is at fault. */
  private isBadForm(request: FastifyRequest, error: unknown): boolean {
    return this.parsing.has(request) && (error as { statusCode?: number }).statusCode !== PAYLOAD_TOO_LARGE
  }

  /** Reserves memory for the body until the request ends. @throws HttpError 503 */
  private reserveBody(raw: FastifyRequest, reply: FastifyReply, body: Readable): Readable {
    const { name } = this.principals.get(raw) as Principal
    const held = (release: () => void): void => {
      // If the client left during its login, no further 'close' event follows.
      if (reply.raw.closed) release()
      else reply.raw.once('close', release)
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
    if (this.server.isLocal(raw.raw)) return owner
    const [scheme = '', credentials = ''] = authorization.split(' ')
    const { clock, active } = this.node
    const { usersWith, throttle, oauth } = this.loginParts()
    const address = plainAddress(raw.ip)
    const page = foreignPage(raw.headers, this.node.settings.http.cors.allowOrigins)
    const wait = (): Promise<void> => throttle.wait(address, clock, raw.raw.socket)
    const busy = (error: unknown): never => {
      if (!(error instanceof AmqpError)) throw error
      this.doorLines.warn({ address }, 'HTTP login refused: too many are waiting')
      throw new HttpError(503, 'busy', error.message)
    }
    let user: Principal | undefined
    if (scheme.toLowerCase() === 'bearer') {
      await wait()
      user = await oauth?.verify(credentials, address).catch(busy)
    } else if (scheme.toLowerCase() === 'basic') {
      const text = Buffer.from(credentials, 'base64').toString('utf8')
      const colon = text.indexOf(':')
      const [name, password] = [text.slice(0, colon), text.slice(colon + 1)]
      const given = { user: name, password, isLocal: isLoopback(address) && page === undefined }
      user = await passwordLogin(usersWith(name), oauth, given, address, wait).catch(busy)
    } else throw notLoggedIn
    // The node has become active or standby in the meantime: authenticate with the other set of users.
    if (this.node.active !== active) return this.authenticate(raw, authorization)
    if (user === undefined) {
      throttle.refused(address, clock.elapsed(), 'http')
      this.doorLines.warn({ address, page }, 'HTTP login refused')
      throw notLoggedIn
    }
    throttle.succeeded(address, 'http')
    return user
  }

  /** The users and the throttle; a node without a broker uses the users in its store. @throws HttpError 503 */
  private loginParts(): LoginParts {
    const { active, cluster, oauth } = this.node
    if (active === undefined && cluster !== undefined)
      return { usersWith: (name) => this.standbyUsers.having(cluster, name), throttle: this.throttle, oauth }
    const { model, server } = activeOn(this.node)
    return { usersWith: () => model.users, throttle: server.throttle, oauth }
  }
}

/** Maximum octets of a JSON body below the general limit; messages and definitions have only the general limit. */
function bodyBytesOf(path: string): number {
  const isLong = /^(definitions|all-configuration)|\/(publish|route)$/.test(path)
  return isLong ? Number.MAX_SAFE_INTEGER : HTTP_OBJECT_BYTES_MAX
}
