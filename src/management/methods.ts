/** Answers methods that a path does not support, before any login, as RabbitMQ's web server does. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorReply, notFound } from './http.ts'

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS'

/** The methods in the order in which RabbitMQ lists them. */
const order: readonly Method[] = ['HEAD', 'GET', 'PUT', 'POST', 'DELETE', 'OPTIONS']

function allow(methods: ReadonlySet<string>): string {
  return order.filter((m) => m === 'OPTIONS' || methods.has(m === 'HEAD' ? 'GET' : m)).join(', ')
}

function refuse(reply: FastifyReply, allowed: string): FastifyReply {
  return reply.code(405).header('allow', allowed).send()
}

interface Path {
  readonly parts: readonly string[]
  readonly methods: Set<string>
}

/** The paths of the API, each with its methods: `/api/queues/:vhost/:name`. */
export class Paths {
  private readonly known = new Map<string, Path>()

  add(method: string, pattern: string): void {
    const path = this.known.get(pattern)
    if (path !== undefined) path.methods.add(method)
    else this.known.set(pattern, { parts: pattern.split('/'), methods: new Set([method]) })
  }

  /** Returns the methods of the path that matches the URL; literal parts take precedence over parameters. */
  methodsOf(url: string): ReadonlySet<string> | undefined {
    const parts = (url.split('?', 1)[0] as string).replace(/\/$/, '').split('/')
    const fitting = [...this.known.values()].filter((p) => fits(p.parts, parts))
    return fitting.sort((a, b) => (isMoreSpecific(a.parts, b.parts) ? -1 : 1))[0]?.methods
  }

  /**
   * Iterates over paths with the methods that would match a more general path instead: `PUT users/without-permissions`
   * would match `PUT users/:user`.
   */
  *shadowed(): Iterable<{ pattern: string; others: string[]; allowed: string }> {
    for (const [pattern, { parts, methods }] of this.known) {
      const others = new Set<string>()
      for (const p of this.known.values())
        if (fits(p.parts, parts) && isMoreSpecific(parts, p.parts))
          for (const method of p.methods) if (!methods.has(method)) others.add(method)
      if (others.size > 0) yield { pattern, others: [...others], allowed: allow(methods) }
    }
  }
}

function fits(pattern: readonly string[], parts: readonly string[]): boolean {
  return pattern.length === parts.length && pattern.every((p, i) => p.startsWith(':') || p === parts[i])
}

function isMoreSpecific(a: readonly string[], b: readonly string[]): boolean {
  const differs = a.findIndex((part, i) => part.startsWith(':') !== b[i]?.startsWith(':'))
  return differs >= 0 && !a[differs]?.startsWith(':')
}

/**
 * Answers OPTIONS, and 405 with Allow for methods that a path does not have, without reading a body or a login. These
 * methods have no routes of their own, since hundreds of routes would slow down the start.
 */
export function otherMethods(app: FastifyInstance, paths: Paths): void {
  app.setNotFoundHandler((request, reply) => noRoute(paths, request, reply))
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return
    noRoute(paths, request, reply)
    return reply
  })
  for (const { pattern, others, allowed } of paths.shadowed())
    app.route({
      method: others,
      url: pattern,
      onRequest: async (_request, reply) => refuse(reply, allowed),
      handler: () => undefined,
    })
}

/** An unknown path is answered like a missing file in RabbitMQ. */
function noRoute(paths: Paths, request: FastifyRequest, reply: FastifyReply): void {
  const methods = paths.methodsOf(request.url)
  const allowed = allow(methods ?? new Set(['GET']))
  if (request.method === 'OPTIONS') void reply.code(200).header('allow', allowed).send()
  else if (methods === undefined && (request.method === 'GET' || request.method === 'HEAD'))
    errorReply(notFound(), reply)
  else void refuse(reply, allowed)
}
