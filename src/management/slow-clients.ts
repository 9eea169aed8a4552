/** Disconnects HTTP clients that never finish a request or never read an answer. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { HTTP_REQUEST_MS_MAX, HTTP_STALL_MS_MAX } from '../limits.ts'

/** @param ms time without an octet in either direction that drops a client; 0 or Infinity = HTTP_STALL_MS_MAX */
export function dropSlowClients(server: Server, ms: number): void {
  server.requestTimeout = HTTP_REQUEST_MS_MAX
  // Between requests, and before the first, Node.js closes the socket itself.
  server.timeout = Math.min(ms > 0 ? ms : HTTP_STALL_MS_MAX, HTTP_STALL_MS_MAX)
  // Node's own five seconds are so short that clients often send a request just as the socket is being closed.
  server.keepAliveTimeout = server.timeout
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    // A timeout while the answer is being made is the broker's, not the client's.
    response.on('timeout', (socket: Socket) => {
      if (!request.complete || socket.writableLength > 0) socket.destroy()
    })
  })
}
