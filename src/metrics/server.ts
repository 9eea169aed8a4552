/**
 * Prometheus' text format over HTTP: /metrics for sums, /metrics/per-object and /metrics/detailed with a line for each
 * queue and exchange. Long answers are made in pieces, between which the broker does its work.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Exchange } from '../broker/exchange/exchange.ts'
import type { Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { MetricsFormat } from '../config/settings.ts'
import { HttpConnections } from '../management/http-connections.ts'
import type { ManagedNode } from '../management/managed-node.ts'
import { dropSlowClients } from '../management/slow-clients.ts'
import { listen } from '../util/listen.ts'
import { type Listening, listeningAt } from '../util/listening.ts'
import { namesThatMatch, Pattern, PatternTooSlow } from '../util/pattern.ts'
import { requestUrl } from '../util/request-url.ts'
import { nextTurn } from '../util/timers.ts'
import { contextOf, type TlsSettings } from '../util/tls.ts'
import { logTlsRefusals } from '../util/tls-refusals.ts'
import { nodeFamilies, queueMetrics } from './families.ts'
import { type Family, labels } from './family.ts'

/** Queues or exchanges described before others have their turn. */
const PIECE = 500
const TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Families of `/metrics/detailed` and what they hold. */
const detailedFamilies: Record<string, (name: string) => boolean> = {
  queue_coarse_metrics: (n) => /^queue_messages(_ready|_unacked)?$/.test(n),
  queue_metrics: (n) => !/^queue_consumers$/.test(n),
  queue_consumer_count: (n) => n === 'queue_consumers',
}

interface Selection {
  readonly vhosts: ReadonlySet<string> | undefined
  /** Of queues and exchanges, by name. */
  readonly pattern: Pattern | undefined
  readonly prefix: string
  metric(name: string): boolean
}

export class MetricsServer {
  private readonly node: ManagedNode
  private readonly format: MetricsFormat
  private readonly servers: Server[] = []

  constructor(node: ManagedNode, format: MetricsFormat) {
    this.node = node
    this.format = format
  }

  private readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    this.answer(request, response).catch((error) => {
      this.node.logger.error({ err: error }, 'metrics failed')
      response.destroy()
    })
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = requestUrl(request)
    if (url === undefined) {
      response.writeHead(400).end()
      return
    }
    const path = url.pathname.replace(/\/$/, '')
    if (request.method !== 'GET') {
      response.writeHead(405).end()
      return
    }
    if (path === this.format.path && !this.format.perObject) {
      response.writeHead(200, { 'content-type': TYPE }).end(text(nodeFamilies(this.node)))
      return
    }
    const selection = select(this.below(path), url.searchParams)
    if (typeof selection === 'string') {
      response.writeHead(this.below(path) === undefined ? 404 : 400).end(`${selection}\n`)
      return
    }
    const chosen = await this.chosen(selection).catch((error) => {
      if (error instanceof PatternTooSlow) return error.message
      throw error
    })
    if (typeof chosen === 'string') {
      response.writeHead(400).end(`${chosen}\n`)
      return
    }
    response.writeHead(200, { 'content-type': TYPE })
    if (this.below(path) === '/per-object') {
      const names = new Set(queueMetrics.map(([name]) => `rabbitmq_${name}`))
      response.write(text(nodeFamilies(this.node).filter((f) => !names.has(f.name))))
    }
    await this.perQueue(response, selection, chosen)
    if (selection.metric('exchange_messages_published_total'))
      await this.perExchange(response, selection, chosen)
    response.end()
  }

  /** What of the path comes below the metrics' own. */
  private below(path: string): string | undefined {
    const { path: own, perObject } = this.format
    if (path === own && perObject) return '/per-object'
    return path.startsWith(`${own}/`) ? path.slice(own.length) : undefined
  }

  private vhosts({ vhosts }: Selection): Vhost[] {
    return [...(this.node.active?.model.broker.vhosts.values() ?? [])].filter(
      (v) => vhosts?.has(v.name) !== false,
    )
  }

  private async perQueue(response: ServerResponse, s: Selection, chosen: Chosen): Promise<void> {
    this.node.active?.model.broker.turn.pumpNow()
    const queues = chosen.queues.map(({ v, o: q }) => ({ q, l: labels({ vhost: v.name, queue: q.name }) }))
    for (const [name, type, value] of queueMetrics) {
      if (!s.metric(name)) continue
      response.write(head(`${s.prefix}${name}`, type, name))
      for (let at = 0; at < queues.length; at += PIECE) {
        let piece = ''
        for (const { q, l } of queues.slice(at, at + PIECE)) piece += `${s.prefix}${name}${l} ${value(q)}\n`
        response.write(piece)
        await nextTurn()
      }
    }
  }

  private async perExchange(response: ServerResponse, s: Selection, { exchanges }: Chosen): Promise<void> {
    const name = `${s.prefix}exchange_messages_published_total`
    response.write(head(name, 'counter', 'Messages published to the exchange'))
    for (let at = 0; at < exchanges.length; at += PIECE) {
      let piece = ''
      for (const { v, o: x } of exchanges.slice(at, at + PIECE))
        piece += `${name}${labels({ vhost: v.name, exchange: x.name })} ${x.published}\n`
      response.write(piece)
      await nextTurn()
    }
  }

  /** @throws PatternTooSlow */
  private async chosen(s: Selection): Promise<Chosen> {
    const all = this.vhosts(s)
    const queues = all.flatMap((v) => Array.from(v.queues.values(), (o) => ({ v, o })))
    const exchanges = s.metric('exchange_messages_published_total')
      ? all.flatMap((v) => Array.from(v.exchanges.values(), (o) => ({ v, o })))
      : []
    if (s.pattern === undefined) return { queues, exchanges }
    return {
      queues: await namesThatMatch(s.pattern, queues, ({ o }) => o.name),
      exchanges: await namesThatMatch(s.pattern, exchanges, ({ o }) => o.name),
    }
  }

  /** Resolves with the port. @throws the error of listen; that of a certificate that cannot be used */
  async listen(port: number, host: string | undefined, tls?: TlsSettings): Promise<Listening> {
    const server =
      tls === undefined ? createServer(this.request) : createTlsServer(contextOf(tls), this.request)
    this.servers.push(server)
    if (tls !== undefined) logTlsRefusals(server, 'the metrics', this.node.logger)
    dropSlowClients(server, this.node.limits.sendTimeoutMs)
    new HttpConnections(server, this.node.listeners.descriptors)
    await listen(server, { port, host })
    return listeningAt(tls === undefined ? 'http/prometheus' : 'https/prometheus', server)
  }

  async close(): Promise<void> {
    await Promise.all(
      this.servers.map((server) => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      }),
    )
  }
}

/** What the answer shows. */
interface Chosen {
  readonly queues: readonly { readonly v: Vhost; readonly o: Queue }[]
  readonly exchanges: readonly { readonly v: Vhost; readonly o: Exchange }[]
}

/** A text says what is wrong. */
function select(path: string | undefined, query: URLSearchParams): Selection | string {
  const vhosts = query.getAll('vhost')
  const name = query.get('name')
  let pattern: Pattern | undefined
  try {
    pattern = name === null ? undefined : new Pattern(name)
  } catch {
    return `invalid regular expression: ${name}`
  }
  const common = { vhosts: vhosts.length === 0 ? undefined : new Set(vhosts), pattern }
  if (path === '/per-object') return { ...common, prefix: 'rabbitmq_', metric: () => true }
  if (path !== '/detailed') return 'there are /metrics, /metrics/per-object and /metrics/detailed'
  const families = query.getAll('family')
  const unknown = families.find((f) => !Object.hasOwn(detailedFamilies, f) && f !== 'exchange_metrics')
  if (unknown !== undefined) return `unknown family ${unknown}`
  return {
    ...common,
    prefix: 'rabbitmq_detailed_',
    metric: (n) =>
      n.startsWith('exchange_')
        ? families.includes('exchange_metrics')
        : families.some((f) => detailedFamilies[f]?.(n) === true),
  }
}

function head(name: string, type: string, help: string): string {
  return `# TYPE ${name} ${type}\n# HELP ${name} ${help}\n`
}

function text(families: readonly Family[]): string {
  return families
    .map(
      (f) =>
        head(f.name, f.type, f.help) +
        f.samples.map((s) => `${f.name}${s.labels ?? ''} ${s.value}\n`).join(''),
    )
    .join('')
}
