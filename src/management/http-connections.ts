/**
 * Limits the connections of an HTTP server: their number, the number of those without a request, and of those whose
 * request has not logged in.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Unopened } from '../connection/unopened.ts'
import { HTTP_CONNECTIONS_MAX, HTTP_HEADERS_MS_MAX, HTTP_IDLE_MAX, UNAUTHENTICATED_SHARE } from '../limits.ts'
import { endOf, plainAddress } from '../util/address.ts'
import type { Descriptors } from '../util/descriptors.ts'
import { elapsed } from '../util/timers.ts'

/** Those whose request has not logged in yet: beyond, the oldest of the address with the most of them is closed. */
export const HTTP_STRANGERS_MAX = 512

const STRANGERS = { all: HTTP_STRANGERS_MAX, perAddress: HTTP_STRANGERS_MAX * UNAUTHENTICATED_SHARE }
const IDLE = { all: HTTP_IDLE_MAX, perAddress: HTTP_IDLE_MAX * UNAUTHENTICATED_SHARE }

function nothing(): void {}

/** What is to be done when the request on that socket has logged in. */
const whenLoggedIn = new WeakMap<Socket, () => void>()

/** The request's user is known: nobody else's request makes its connection close. */
export function loggedIn({ socket }: IncomingMessage): void {
  whenLoggedIn.get(socket)?.()
}

export class HttpConnections {
  /** Those without a request: the sockets as accepted, by their endpoints. */
  private readonly idle = new Map<string, Socket>()
  /** The same ones. Clients that have logged in are among them, between their requests. */
  private readonly resting = new Unopened(() => IDLE, elapsed, nothing)
  /** Those with a request, which may take long: bodies come slowly, wrong passwords wait. */
  private readonly strangers = new Unopened(() => STRANGERS, elapsed, nothing)
  /** WebSockets, which are counted among the connections of AMQP. */
  private upgraded = 0

  /** Starts to enforce the limits on the server. */
  constructor(server: Server, descriptors: Descriptors) {
    descriptors.guard(server, () => HTTP_CONNECTIONS_MAX + this.upgraded)
    server.headersTimeout = HTTP_HEADERS_MS_MAX
    server.on('connection', (socket: Socket) => this.came(socket))
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.busy(request, response))
    const parts = [descriptors.add(this.resting), descriptors.add(this.strangers)]
    server.on('close', () => {
      for (const remove of parts) remove()
    })
  }

  /** The connection changes to another protocol and is no longer counted here. */
  release(socket: Socket): void {
    this.wake(endOf(socket))
    this.upgraded++
    socket.once('close', () => this.upgraded--)
  }

  private came(socket: Socket): void {
    const key = endOf(socket)
    this.rest(key, socket)
    socket.on('close', () => {
      this.strangers.remove(socket)
      this.resting.remove(socket)
      if (this.idle.get(key) === socket) this.idle.delete(key)
    })
  }

  private rest(key: string, socket: Socket): void {
    this.idle.set(key, socket)
    this.resting.add(socket, plainAddress(socket.remoteAddress))
  }

  /** It rests no more. */
  private wake(key: string): Socket | undefined {
    const socket = this.idle.get(key)
    if (socket === undefined) return undefined
    this.idle.delete(key)
    this.resting.remove(socket)
    return socket
  }

  private busy(request: IncomingMessage, response: ServerResponse): void {
    const key = endOf(request.socket)
    const socket = this.wake(key)
    if (socket === undefined) return
    this.strangers.add(socket, plainAddress(request.socket.remoteAddress))
    whenLoggedIn.set(request.socket, () => this.strangers.remove(socket))
    response.on('close', () => {
      this.strangers.remove(socket)
      if (!socket.destroyed) this.rest(key, socket)
    })
  }
}
