/**
 * Limits the connections of an HTTP server: all of them, those without a request, and those whose request is not
 * authenticated yet.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Unopened } from '../connection/unopened.ts'
import { HTTP_CONNECTIONS_MAX, HTTP_HEADERS_MS_MAX, HTTP_IDLE_MAX, UNAUTHENTICATED_SHARE } from '../limits.ts'
import { endOf, plainAddress } from '../util/address.ts'
import type { Descriptors } from '../util/descriptors.ts'
import { FairQueue } from '../util/fair-queue.ts'
import { dropGone } from '../util/sockets.ts'
import { elapsed } from '../util/timers.ts'

/** Maximum of connections with an unauthenticated request; beyond it, the oldest of the busiest address is closed. */
export const HTTP_STRANGERS_MAX = 512

/** Further sockets that are accepted, of which one is closed at once: a new one, or one in whose place it comes. */
export const HTTP_CLOSING_MAX = 64

const STRANGERS = { all: HTTP_STRANGERS_MAX, perAddress: HTTP_STRANGERS_MAX * UNAUTHENTICATED_SHARE }
const IDLE = { all: HTTP_IDLE_MAX, perAddress: HTTP_IDLE_MAX * UNAUTHENTICATED_SHARE }
const USERS = { all: HTTP_CONNECTIONS_MAX, perAddress: HTTP_CONNECTIONS_MAX }

function nothing(): void {}

/** The action to run when the request on a socket has been authenticated. */
const whenLoggedIn = new WeakMap<Socket, () => void>()

/** Called when a request has been authenticated: its connection is no longer closed to make room for others. */
export function loggedIn({ socket }: IncomingMessage): void {
  whenLoggedIn.get(socket)?.()
}

export class HttpConnections {
  /** All connections, whose clients may have logged in, by their addresses. WebSockets are not among them. */
  private readonly all = new FairQueue<Socket>()
  /** Connections without a request: the sockets as accepted, by their endpoints. */
  private readonly idle = new Map<string, Socket>()
  /** Those of them that have never had an authenticated request, for the limit. */
  private readonly resting = new Unopened(() => IDLE, elapsed, nothing)
  /**
   * The others: of clients with hundreds of connections, all may be between two requests at the same moment. They are closed
   * only for want of descriptors, or because there are too many connections in all.
   */
  private readonly ofUsers = new Unopened(() => USERS, elapsed, nothing)
  /** Connections that have had an authenticated request. */
  private readonly known = new WeakSet<Socket>()
  /** Connections with an unauthenticated request, which may take long: slow bodies, delayed logins. */
  private readonly strangers = new Unopened(() => STRANGERS, elapsed, nothing)
  /** Number of WebSockets, which count as AMQP connections. */
  private upgraded = 0

  /** Starts to enforce the limits on the server. */
  constructor(server: Server, descriptors: Descriptors) {
    descriptors.guard(server, () => HTTP_CONNECTIONS_MAX + HTTP_CLOSING_MAX + this.upgraded)
    dropGone(server)
    server.headersTimeout = HTTP_HEADERS_MS_MAX
    server.on('connection', (socket: Socket) => this.came(socket))
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.busy(request, response))
    const parts = [this.resting, this.ofUsers, this.strangers].map((part) => descriptors.add(part))
    server.on('close', () => {
      for (const remove of parts) remove()
    })
  }

  /** Stops counting a connection that has changed to another protocol. */
  release(socket: Socket): void {
    const carrier = this.wake(endOf(socket))
    if (carrier !== undefined) this.all.remove(plainAddress(carrier.remoteAddress), carrier)
    this.upgraded++
    socket.once('close', () => this.upgraded--)
  }

  private came(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress)
    if (!this.hasRoomFor(address)) {
      socket.destroy()
      return
    }
    const key = endOf(socket)
    this.all.push(address, socket)
    this.rest(key, socket)
    socket.on('close', () => {
      this.all.remove(address, socket)
      this.strangers.remove(socket)
      this.rested(socket)
      if (this.idle.get(key) === socket) this.idle.delete(key)
    })
  }

  /**
   * Whether there is room for one more connection. If there are too many, one of an address that has more of them is
   * closed: otherwise, requests that never end, of a single user, would keep everybody out.
   */
  private hasRoomFor(address: string): boolean {
    const { all } = this
    if (all.size < HTTP_CONNECTIONS_MAX) return true
    const other = all.makeRoomFor(address)
    other?.destroy()
    return other !== undefined
  }

  private rest(key: string, socket: Socket): void {
    this.idle.set(key, socket)
    const among = this.known.has(socket) ? this.ofUsers : this.resting
    among.add(socket, plainAddress(socket.remoteAddress))
  }

  private rested(socket: Socket): void {
    this.resting.remove(socket)
    this.ofUsers.remove(socket)
  }

  /** Removes a connection from those without a request; returns its socket. */
  private wake(key: string): Socket | undefined {
    const socket = this.idle.get(key)
    if (socket === undefined) return undefined
    this.idle.delete(key)
    this.rested(socket)
    return socket
  }

  private busy(request: IncomingMessage, response: ServerResponse): void {
    const key = endOf(request.socket)
    const socket = this.wake(key)
    if (socket === undefined) return
    this.strangers.add(socket, plainAddress(request.socket.remoteAddress))
    whenLoggedIn.set(request.socket, () => {
      this.strangers.remove(socket)
      this.known.add(socket)
    })
    response.on('close', () => {
      this.strangers.remove(socket)
      if (!socket.destroyed) this.rest(key, socket)
    })
  }
}
