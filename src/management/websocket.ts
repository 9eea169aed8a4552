/** AMQP over WebSocket, at /ws/amqp of the HTTP port, as browsers' AMQP clients speak it. */
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Server as AmqpServer } from '../connection/server.ts'
import { WEBSOCKET_MESSAGE_BYTES_MAX } from '../limits.ts'

const PATHS = ['/ws/amqp', '/ws/amqp/', '/ws']

export function serveWebSockets(http: Server, amqp: AmqpServer): void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: WEBSOCKET_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('amqp') ? 'amqp' : false),
  })
  http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (!PATHS.includes(pathname)) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
      return
    }
    server.handleUpgrade(request, socket, head, (ws) => {
      const { remoteAddress, remotePort, localAddress, localPort } = socket
      const stream = Object.assign(createWebSocketStream(ws), {
        remoteAddress,
        remotePort,
        localAddress,
        localPort,
      })
      amqp.accept(stream as unknown as Socket)
    })
  })
}
