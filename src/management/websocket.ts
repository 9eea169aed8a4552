/** AMQP over WebSocket, at /ws/amqp of the HTTP port, as AMQP clients in browsers use it. */
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import type { Receiver } from '../connection/listeners.ts'
import { WEBSOCKET_MESSAGE_BYTES_MAX } from '../limits.ts'
import type { Logger } from '../util/logger.ts'
import { requestUrl } from '../util/request-url.ts'
import { hearErrors } from '../util/sockets.ts'
import { restOf } from './http-intake.ts'

const PATHS = ['/ws/amqp', '/ws/amqp/', '/ws']

/** @param taken is called with each socket that becomes an AMQP connection */
export function serveWebSockets(
  http: Server,
  amqp: Receiver,
  logger: Logger,
  taken: (socket: Socket) => void,
): void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: WEBSOCKET_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('amqp') ? 'amqp' : false),
  })
  http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // From here on, HTTP has no listeners on the socket any more.
    hearErrors(socket)
    const rest = restOf(socket)
    try {
      if (PATHS.includes(requestUrl(request)?.pathname ?? '')) {
        server.handleUpgrade(request, socket, Buffer.concat([head, rest]), (ws) => {
          taken(socket)
          amqp.accept(asSocket(ws, socket))
        })
        return
      }
      // HTTP sockets stay half-open: unless this side ends them, they wait for the client.
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n', () => socket.destroy())
    } catch (error) {
      logger.warn({ err: error }, 'WebSocket refused')
      socket.destroy()
    }
  })
}

/** The stream of a WebSocket, with the addresses of the underlying socket. */
function asSocket(ws: WebSocket, carrier: Socket): Socket {
  const { remoteAddress, remotePort, localAddress, localPort } = carrier
  const stream = createWebSocketStream(ws)
  hearErrors(ws)
  hearErrors(stream)
  const addresses = { remoteAddress, remotePort, localAddress, localPort }
  return Object.assign(stream, { ...addresses, carrier }) as unknown as Socket
}
