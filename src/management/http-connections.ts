/**
 * Limits the connections of an HTTP server: their number, the number of those without a request, and of those whose
 * request has not logged in.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Unopened } from '../connection/unopened.ts'
import { HTTP_CONNECTIONS_MAX, HTTP_HEADERS_MS_MAX, HTTP_IDLE_MAX, UNAUTHENTICATED_SHARE } from '../limits.ts'
import { endOf, plainAddress } from '../util/address.ts'
import type { Closable, Descriptors } from '../util/descriptors.ts'
import { elapsed } from '../util/timers.ts'

/** Those whose request has not logged in yet: beyond, the oldest of the address with the most of them is closed. */
export const HTTP_STRANGERS_MAX = 512

const STRANGERS = { all: HTTP_STRANGERS_MAX, perAddress: HTTP_STRANGERS_MAX * UNAUTHENTICATED_SHARE }

/** What is to be done when the request on that socket has logged in. */
const whenLoggedIn = new WeakMap<Socket, () => void>()

/** The request's user is known: nobody else's request makes its connection close. */
export function loggedIn({ socket }: IncomingMessage): void {
  whenLoggedIn.get(socket)?.()
}

export class HttpConnections implements Closable {
  /** By their endpoints; oldest first. */
  private readonly idle = new Map<string, { socket: Socket; since: number }>()
  /** Those with a request, which may take long: bodies come slowly, wrong passwords wait. */
  private readonly strangers = new Unopened(
    () => STRANGERS,
    elapsed,
    () => {},
  )
  /** WebSockets, which are counted among the connections of AMQP. */
  private upgraded = 0

  /** Starts to enforce the limits on the server. */
  constructor(server: Server, descriptors: Descriptors) {
    descriptors.guard(server, () => HTTP_CONNECTIONS_MAX + this.upgraded)
    server.headersTimeout = HTTP_HEADERS_MS_MAX
    server.on('connection', (socket: Socket) => this.came(socket))
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.busy(request, response))
    const parts = [descriptors.add(this), descriptors.add(this.strangers)]
    server.on('close', () => {
      for (const remove of parts) remove()
    })
  }

  /** The connection changes to another protocol and is no longer counted here. */
  release(socket: Socket): void {
    this.idle.delete(endOf(socket))
    this.upgraded++
    socket.once('close', () => this.upgraded--)
  }

  get oldest(): number | undefined {
    for (const { since } of this.idle.values()) return since
    return undefined
  }

  closeOldest(): void {
    for (const [key, { socket }] of this.idle) {
      this.idle.delete(key)
      socket.destroy()
      return
    }
  }

  private came(socket: Socket): void {
    const key = endOf(socket)
    this.rest(key, socket)
    socket.on('close', () => {
      this.strangers.remove(socket)
      if (this.idle.get(key)?.socket === socket) this.idle.delete(key)
    })
  }

  private rest(key: string, socket: Socket): void {
    this.idle.set(key, { socket, since: elapsed() })
    if (this.idle.size > HTTP_IDLE_MAX) this.closeOldest()
  }

  private busy(request: IncomingMessage, response: ServerResponse): void {
    const key = endOf(request.socket)
    const socket = this.idle.get(key)?.socket
    if (socket === undefined) return
    this.idle.delete(key)
    this.strangers.add(socket, plainAddress(request.socket.remoteAddress))
    whenLoggedIn.set(request.socket, () => this.strangers.remove(socket))
    response.on('close', () => {
      this.strangers.remove(socket)
      if (!socket.destroyed) this.rest(key, socket)
    })
  }
}
