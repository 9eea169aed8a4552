/** Answers to methods that a path does not support, as in RabbitMQ's web server: before any login. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorReply, notFound } from './http.ts'

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS' | 'PATCH' | 'TRACE'

/** In the order in which RabbitMQ lists them. */
const order: readonly Method[] = ['HEAD', 'GET', 'PUT', 'POST', 'DELETE', 'OPTIONS']
const all: readonly Method[] = [...order, 'PATCH', 'TRACE']

function allow(methods: ReadonlySet<string>): string {
  return order.filter((m) => m === 'OPTIONS' || methods.has(m === 'HEAD' ? 'GET' : m)).join(', ')
}

function refuse(reply: FastifyReply, allowed: string): FastifyReply {
  return reply.code(405).header('allow', allowed).send()
}

/** Answers OPTIONS, and 405 with Allow to all other methods, on paths that have these methods. */
export function otherMethods(app: FastifyInstance, paths: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, methods] of paths) {
    const allowed = allow(methods)
    app.route({
      method: 'OPTIONS',
      url,
      onRequest: async (_request, reply) => reply.code(200).header('allow', allowed).send(),
      handler: noHandler,
    })
    const others = all.filter((m) => m !== 'OPTIONS' && !allowed.split(', ').includes(m))
    // Before the body is read.
    app.route({
      method: others,
      url,
      onRequest: async (_request, reply) => refuse(reply, allowed),
      handler: noHandler,
    })
  }
}

const noHandler = (): undefined => undefined

/** Answers requests for unknown paths without reading a body, because nobody has logged in. */
export function unknownPaths(app: FastifyInstance): void {
  app.setNotFoundHandler(unknownPath)
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return
    unknownPath(request, reply)
    return reply
  })
}

/** Like RabbitMQ's answer for a missing file. */
function unknownPath(request: FastifyRequest, reply: FastifyReply): void {
  const allowed = allow(new Set(['GET']))
  if (request.method === 'OPTIONS') void reply.code(200).header('allow', allowed).send()
  else if (request.method === 'GET' || request.method === 'HEAD') errorReply(notFound(), reply)
  else void refuse(reply, allowed)
}
