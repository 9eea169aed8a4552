/** Headers of every answer: those of the configuration, of caching, and of cross-origin requests (CORS). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { CorsSettings, HttpSettings } from '../config/settings.ts'

export function answerHeaders(app: FastifyInstance, { headers, cors }: HttpSettings): void {
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(headers)
    if (!request.url.startsWith('/api')) return
    void reply.headers({ 'cache-control': 'no-cache', vary: 'accept, accept-encoding, origin' })
    allowOrigin(cors, request, reply)
  })
  app.addHook('onSend', async (request, reply, payload) => {
    // Fastify adds a charset, which JSON does not have; RabbitMQ does not send one, and some clients compare the type.
    if (reply.getHeader('content-type') === 'application/json; charset=utf-8')
      void reply.header('content-type', 'application/json')
    const allow = reply.getHeader('allow')
    if (request.method === 'OPTIONS' && reply.hasHeader('access-control-allow-origin') && allow !== undefined)
      void reply.header('access-control-allow-methods', allow)
    if (request.method === 'HEAD') tellLength(reply, payload)
    return payload
  })
}

/** Sets Content-Length for a response to HEAD, for which Fastify does not; the length of a stream is unknown. */
function tellLength(reply: FastifyReply, payload: unknown): void {
  const body = payload ?? ''
  if (typeof body === 'string' || Buffer.isBuffer(body))
    void reply.header('content-length', Buffer.byteLength(body))
}

/** Echoes the origin if it is allowed, or if all origins are, as RabbitMQ does. */
function allowOrigin(cors: CorsSettings, request: FastifyRequest, reply: FastifyReply): void {
  const { origin } = request.headers
  if (origin === undefined || origin === 'null') return
  if (!cors.allowOrigins.includes(origin) && !cors.allowOrigins.includes('*')) return
  void reply.headers({ 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' })
  if (request.method !== 'OPTIONS') return
  void reply.header('access-control-max-age', String(cors.maxAgeSeconds))
  const asked = request.headers['access-control-request-headers']
  if (asked !== undefined) void reply.header('access-control-allow-headers', asked)
}
