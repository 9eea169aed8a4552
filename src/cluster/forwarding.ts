/**
 * Passes requests of a standby's HTTP API on to the active node. None of them has a login yet, and each takes a
 * connection of its own between the nodes: those of one connection follow one another, even if they came in one packet,
 * and the active node is asked for a few at a time, with addresses served in rotation.
 */
import {
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import { writeProxyHeader } from '../connection/proxy-protocol.ts'
import { plainAddress } from '../util/address.ts'
import { hearErrors } from '../util/sockets.ts'
import { AskingPlaces } from './asking.ts'
import type { PeerRequest } from './peer-handshake.ts'
import type { ActiveNode } from './relay.ts'

/**
 * Headers that concern the connection of the client only; 100-continue has been answered. Node.js would refuse to send
 * some of them, and their values are whatever the client likes.
 */
const OWN_HEADERS = ['expect', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade']

export interface ForwardingParts {
  readonly active: () => ActiveNode | undefined
  /** Connects to a node's peer port. @throws Error */
  readonly ask: (host: string, port: number, request: PeerRequest) => Promise<Socket>
}

export class Forwarding {
  private readonly parts: ForwardingParts
  private readonly asked = new AskingPlaces()
  /** The last request of each client. */
  private readonly last = new WeakMap<Socket, Promise<void>>()

  constructor(parts: ForwardingParts) {
    this.parts = parts
  }

  forward(request: IncomingMessage, response: ServerResponse, owner: boolean): void {
    const before = this.last.get(request.socket)
    const passed =
      before === undefined
        ? this.pass(request, response, owner)
        : this.passAfter(before, request, response, owner)
    this.last.set(
      request.socket,
      passed.catch((error) => {
        if (response.headersSent) response.destroy()
        else {
          response.writeHead(503, { 'content-type': 'application/json', ...lastIfCut(request) })
          const reason = `the active node cannot be reached: ${(error as Error).message}`
          response.end(JSON.stringify({ error: 'service_unavailable', reason }))
        }
      }),
    )
  }

  private async passAfter(
    before: Promise<void>,
    ...[request, response, owner]: Parameters<Forwarding['forward']>
  ): Promise<void> {
    await before
    await this.pass(request, response, owner)
  }

  private async pass(request: IncomingMessage, response: ServerResponse, owner: boolean): Promise<void> {
    const client = request.socket
    const socket = await this.open(client, owner)
    // The client may have disconnected meanwhile, which no later event reports.
    if (response.closed || client.destroyed) {
      socket?.destroy()
      return
    }
    if (socket === undefined) return
    hearErrors(response)
    response.once('close', () => socket.destroy())
    // Only the owner's socket has no address.
    const address = owner ? '127.0.0.1' : plainAddress(client.remoteAddress)
    socket.write(writeProxyHeader({ address, port: client.remotePort ?? 0 }))
    await exchange(request, response, socket)
  }

  /** Opens a connection to the active node when the client's turn has come; undefined if the client has left. */
  private async open(client: Socket, owner: boolean): Promise<Socket | undefined> {
    if (client.destroyed || !(await this.asked.turnOf(client))) return undefined
    try {
      const target = this.parts.active()
      if (target === undefined) throw new Error('there is none')
      const to = owner ? 'control' : 'http'
      return await this.parts.ask(target.host, target.peerPort, { want: 'relay', to, index: 0 })
    } finally {
      this.asked.leave()
    }
  }
}

/** Sends the request, and the answer back. @throws Error */
function exchange(request: IncomingMessage, response: ServerResponse, socket: Socket): Promise<void> {
  const { method = 'GET', url = '/' } = request
  const headers: OutgoingHttpHeaders = { ...request.headers, connection: 'close' }
  for (const name of OWN_HEADERS) delete headers[name]
  const passed = httpRequest({ method, path: url, headers, createConnection: () => socket })
  hearErrors(passed)
  return new Promise<void>((resolve, reject) => {
    passed.once('error', reject)
    // A change to another protocol ends it without an error.
    passed.once('close', () => reject(new Error('it does not answer')))
    response.once('close', resolve)
    passed.once('response', (answer) => {
      answer.once('error', reject)
      answer.once('end', resolve)
      try {
        sendBack(answer, request, response)
      } catch (error) {
        reject(error as Error)
      }
    })
    // Headers that cannot be sent have to be noticed here: in an event, the error would be nobody's.
    if ('content-length' in headers || 'transfer-encoding' in headers) {
      passed.flushHeaders()
      request.pipe(passed)
    } else passed.end()
  })
}

/** @throws RangeError for a status that HTTP does not have */
function sendBack(answer: IncomingMessage, request: IncomingMessage, response: ServerResponse): void {
  const { connection: _, 'keep-alive': __, ...rest } = answer.headers
  response.writeHead(answer.statusCode ?? 0, { ...rest, ...lastIfCut(request) })
  answer.pipe(response)
}

/**
 * The body of a request may be refused before all of it has arrived, for example because it is too large. Nobody reads
 * the rest, so the connection ends with the answer: the client would wait until it has sent it.
 */
function lastIfCut(request: IncomingMessage): OutgoingHttpHeaders {
  return request.complete ? {} : { connection: 'close' }
}
