/** The HTTP API's server: authentication, errors, and the routes of `routes/`. */
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import type { TlsSettings } from '../connection/listener.ts'
import { passwordLogin } from '../connection/login.ts'
import type { Leveret } from '../leveret.ts'
import { HTTP_BODY_BYTES_MAX } from '../limits.ts'
import type { Principal } from '../security/principal.ts'
import { type AddRoute, errorReply, HttpError, owner, Request } from './http.ts'
import { Rates } from './rates.ts'
import { accessRoutes } from './routes/access.ts'
import { clientRoutes } from './routes/clients.ts'
import { definitionRoutes } from './routes/definitions.ts'
import { overviewRoutes } from './routes/overview.ts'
import { policyRoutes } from './routes/policies.ts'
import { queueRoutes } from './routes/queues.ts'
import { topologyRoutes } from './routes/topology.ts'
import { vhostRoutes } from './routes/vhosts.ts'
import { serveWebSockets } from './websocket.ts'

const UNAUTHORISED = new HttpError(401, 'not_authorized', 'Login failed')

export class ManagementServer {
  readonly rates: Rates
  private readonly app: FastifyInstance
  private readonly leveret: Leveret
  private readonly localSockets = new WeakSet<object>()
  private local: Server | undefined
  /** `METHOD path` of every route, for the description of the API. */
  readonly routes: { method: string; path: string; tag: string }[] = []

  /** @throws the error of reading the certificate or key */
  constructor(leveret: Leveret, tls: TlsSettings | undefined) {
    this.leveret = leveret
    this.rates = new Rates(leveret)
    const https =
      tls === undefined ? {} : { https: { cert: readFileSync(tls.certfile), key: readFileSync(tls.keyfile) } }
    this.app = fastify({
      ...https,
      bodyLimit: HTTP_BODY_BYTES_MAX,
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
      forceCloseConnections: true,
    })
    this.app.setErrorHandler((error, _request, reply) => {
      const known = error instanceof Error && 'statusCode' in error
      if (!known && !(error instanceof HttpError)) leveret.logger.debug({ err: error }, 'HTTP request failed')
      errorReply(error, reply)
    })
    this.app.setNotFoundHandler((_request, reply) =>
      errorReply(new HttpError(404, 'Object Not Found', 'Not Found'), reply),
    )
    // Some clients send DELETE and PUT with a type but without a body.
    this.app.removeContentTypeParser('application/json')
    this.app.addContentTypeParser(
      ['application/json', '*'],
      { parseAs: 'string' },
      (_request, text, done) => {
        if (text === '') {
          done(null, {})
          return
        }
        try {
          done(null, JSON.parse(text as string))
        } catch {
          done(new HttpError(400, 'bad_request', 'not_json'))
        }
      },
    )
    for (const routes of [
      overviewRoutes,
      vhostRoutes,
      accessRoutes,
      queueRoutes,
      topologyRoutes,
      policyRoutes,
      clientRoutes,
      definitionRoutes,
    ])
      routes(this.add, leveret, this.rates)
    serveWebSockets(this.app.server, leveret.server)
    this.app.get('/api/openapi.json', () => openApi(this.routes))
  }

  private readonly add: AddRoute = (method, path, tag, handler) => {
    this.routes.push({ method, path, tag })
    this.app.route({
      method,
      url: `/api/${path}`,
      handler: async (raw, reply) => {
        const r = new Request(this.leveret, await this.authenticate(raw), raw, reply)
        r.need(tag)
        const answer = await handler(r)
        if (typeof answer === 'string') return reply.type('application/json; charset=utf-8').send(answer)
        return answer === undefined ? reply.send() : answer
      },
    })
  }

  /** @throws HttpError 401 */
  private async authenticate(raw: FastifyRequest): Promise<Principal> {
    if (this.localSockets.has(raw.raw.socket)) return owner
    const [scheme = '', credentials = ''] = (raw.headers.authorization ?? '').split(' ')
    const { users, server, broker } = this.leveret
    const { throttle, login } = server
    const now = broker.clock.now()
    const wait = (): Promise<void> =>
      new Promise((resolve) => broker.clock.after(throttle.delay(raw.ip, broker.clock.now()), resolve))
    let user: Principal | undefined
    if (scheme.toLowerCase() === 'bearer') {
      await wait()
      user = await login.oauth?.verify(credentials)
    } else if (scheme.toLowerCase() === 'basic') {
      const text = Buffer.from(credentials, 'base64').toString('utf8')
      const colon = text.indexOf(':')
      const [name, password] = [text.slice(0, colon), text.slice(colon + 1)]
      user = await passwordLogin(users, login.oauth, name, password, raw.ip, wait)
    } else throw UNAUTHORISED
    if (user === undefined) {
      throttle.refused(raw.ip, now)
      throw UNAUTHORISED
    }
    throttle.succeeded(raw.ip)
    return user
  }

  /** For the owner of the data folder, without a password: only its user can open the socket. */
  async listenLocally(path: string): Promise<void> {
    await this.app.ready()
    rmSync(path, { force: true })
    const local = createServer((request, response) => this.app.routing(request, response))
    local.on('connection', (socket) => this.localSockets.add(socket))
    await new Promise<void>((resolve, reject) => {
      local.once('error', reject)
      local.listen(path, resolve)
    })
    chmodSync(path, 0o600)
    this.local = local
  }

  /** Resolves with the port. @throws the error of listen */
  async listen(port: number, host: string | undefined): Promise<number> {
    await this.app.listen({ port, host: host ?? '0.0.0.0' })
    const address = this.app.server.address()
    return address !== null && typeof address === 'object' ? address.port : port
  }

  async close(): Promise<void> {
    this.rates.stop()
    this.local?.closeAllConnections()
    this.local?.close()
    await this.app.close()
  }
}

/** The routes as an OpenAPI document. */
function openApi(routes: readonly { method: string; path: string; tag: string }[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const { method, path, tag } of routes) {
    const url = `/api/${path.replace(/:(\w+)/g, '{$1}')}`
    paths[url] ??= {}
    paths[url][method.toLowerCase()] = {
      summary: `${method} ${path}`,
      description: `Needs the tag ${tag}.`,
      parameters: [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
        name,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
      security: [{ basic: [] }],
      responses: { default: { description: 'JSON as in RabbitMQ' } },
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Leveret management API', version: '1' },
    components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' } } },
    paths,
  }
}
