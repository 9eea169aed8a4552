/**
 * Serves Prometheus' text format over HTTP: totals at /metrics, and a line for each object at /metrics/per-object and
 * /metrics/detailed. Long answers are generated in pieces, between which the broker works.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { MetricsFormat } from '../config/settings.ts'
import { METRICS_REPORT_MS_MAX, METRICS_REPORTS_MAX } from '../limits.ts'
import { HttpConnections } from '../management/http-connections.ts'
import { parseBitByBit } from '../management/http-intake.ts'
import type { ManagedNode } from '../management/managed-node.ts'
import { dropSlowClients } from '../management/slow-clients.ts'
import { plainAddress } from '../util/address.ts'
import { FairQueue } from '../util/fair-queue.ts'
import { listen } from '../util/listen.ts'
import { type Listening, listeningAt } from '../util/listening.ts'
import { PatternTooSlow } from '../util/pattern.ts'
import { requestUrl } from '../util/request-url.ts'
import { nextTurn, startTimer, stopTimer } from '../util/timers.ts'
import type { TlsSettings } from '../util/tls.ts'
import { createPacedServer } from '../util/tls-pace.ts'
import { refuseTlsClients } from '../util/tls-refusals.ts'
import { aggregatedFamilies } from './families.ts'
import { Report } from './report.ts'
import { type Selection, select } from './selection.ts'
import { SharedAnswer } from './shared-answer.ts'
import { text } from './text.ts'

const TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export class MetricsServer {
  private readonly node: ManagedNode
  private readonly format: MetricsFormat
  private readonly servers: Server[] = []
  private readonly totals = new SharedAnswer(async () => text(await aggregatedFamilies(this.node)))
  /** Reports in progress, by the address that requested them: each one covers all objects. */
  private readonly reports = new FairQueue<ServerResponse>()

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
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'HEAD, GET' }).end()
      return
    }
    // If very many requests are ready at once, a turn handles only as many as it has time for.
    const address = plainAddress(request.socket.remoteAddress)
    await nextTurn(address)
    if (path === this.format.path && !this.format.perObject) {
      const answer = await this.totals.get()
      response.writeHead(200, { 'content-type': TYPE }).end(answer)
      return
    }
    const selection = select(this.below(path), url.searchParams)
    if (typeof selection === 'string') {
      response.writeHead(this.below(path) === undefined ? 404 : 400).end(`${selection}\n`)
      return
    }
    await this.report(response, selection, address)
  }

  /**
   * Sends a report. While METRICS_REPORTS_MAX others are in progress, one of an address that has more of them ends, whose
   * client may not even read it; if there is none, this one is refused with 503.
   */
  private async report(response: ServerResponse, selection: Selection, address: string): Promise<void> {
    const { reports } = this
    if (reports.size >= METRICS_REPORTS_MAX) {
      const other = reports.makeRoomFor(address)
      if (other === undefined) {
        response.writeHead(503, { 'retry-after': '1' }).end(`${METRICS_REPORTS_MAX} others are being made\n`)
        return
      }
      other.destroy()
    }
    reports.push(address, response)
    const timer = startTimer(() => response.destroy(), METRICS_REPORT_MS_MAX)
    try {
      await this.send(response, selection)
    } finally {
      reports.remove(address, response)
      stopTimer(timer)
    }
  }

  private async send(response: ServerResponse, selection: Selection): Promise<void> {
    let report: Report
    try {
      report = await Report.of(this.node, selection)
    } catch (error) {
      if (!(error instanceof PatternTooSlow)) throw error
      response.writeHead(400).end(`${error.message}\n`)
      return
    }
    response.writeHead(200, { 'content-type': TYPE })
    try {
      // Generated as fast as it is read: a report may have hundreds of megabytes, and anybody may request it.
      await pipeline(report.pieces(), response)
    } catch (error) {
      if (!hasLeft(error)) throw error
    }
  }

  /** The part of the path below the configured metrics path. */
  private below(path: string): string | undefined {
    const { path: own, perObject } = this.format
    if (path === own && perObject) return '/per-object'
    return path.startsWith(`${own}/`) ? path.slice(own.length) : undefined
  }

  /** Resolves with the port. @throws the error of listen, or of an unusable certificate */
  async listen(port: number, host: string | undefined, tls?: TlsSettings): Promise<Listening> {
    const { certificates, descriptors } = this.node.listeners
    const server =
      tls === undefined ? createServer(this.request) : createPacedServer(tls, certificates, this.request)
    this.servers.push(server)
    if (tls !== undefined) refuseTlsClients(server, tls, 'the metrics', this.node.logger)
    dropSlowClients(server, this.node.limits.sendTimeoutMs)
    parseBitByBit(server)
    new HttpConnections(server, descriptors)
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

/** Whether the error says that the client disconnected before the answer was complete. */
function hasLeft(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ERR_STREAM_DESTROYED'
}
