/** HTTP clients that never finish a request, or never read an answer, are not waited for. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { HTTP_REQUEST_MS_MAX, HTTP_STALL_MS_MAX } from '../limits.ts'

/** @param ms without an octet in either direction while one is due; 0 or Infinity = as `limits.ts` has it */
export function dropSlowClients(server: Server, ms: number): void {
  server.requestTimeout = HTTP_REQUEST_MS_MAX
  // Between requests, and before the first, Node ends the socket by itself.
  server.timeout = Math.min(ms > 0 ? ms : HTTP_STALL_MS_MAX, HTTP_STALL_MS_MAX)
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    // While the answer is being made, the silence is the broker's own.
    response.on('timeout', (socket: Socket) => {
      if (!request.complete || socket.writableLength > 0) socket.destroy()
    })
  })
}
