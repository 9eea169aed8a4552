/** Limits the connections of an HTTP server: their number, and the number of those without a request. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { HTTP_CONNECTIONS_MAX, HTTP_HEADERS_MS_MAX, HTTP_IDLE_MAX } from '../limits.ts'
import { endOf } from '../util/address.ts'
import type { Closable, Descriptors } from '../util/descriptors.ts'
import { elapsed } from '../util/timers.ts'

export class HttpConnections implements Closable {
  /** By their endpoints; oldest first. */
  private readonly idle = new Map<string, { socket: Socket; since: number }>()

  /** Starts to enforce the limits on the server. */
  constructor(server: Server, descriptors: Descriptors) {
    descriptors.guard(server, HTTP_CONNECTIONS_MAX)
    server.headersTimeout = HTTP_HEADERS_MS_MAX
    server.on('connection', (socket: Socket) => this.came(socket))
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.busy(request, response))
    server.on('close', descriptors.add(this))
  }

  /** The connection changes to another protocol and is no longer counted here. */
  release(socket: Socket): void {
    this.idle.delete(endOf(socket))
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
    response.on('close', () => {
      if (!socket.destroyed) this.rest(key, socket)
    })
  }
}
