/** AMQP over WebSocket, at /ws/amqp of the HTTP port, as AMQP clients in browsers use it. */
import { createHash } from 'node:crypto'
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Receiver } from '../connection/listeners.ts'
import { foreignPages } from '../connection/login.ts'
import type { Logger } from '../util/logger.ts'
import { requestUrl } from '../util/request-url.ts'
import { hearErrors } from '../util/sockets.ts'
import { isForeignOrigin } from './foreign-pages.ts'
import { restOf } from './http-intake.ts'
import { WebSocketStream } from './websocket-stream.ts'

const PATHS = ['/ws/amqp', '/ws/amqp/', '/ws']

/** RFC 6455, section 1.3. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const KEY = /^[+/0-9A-Za-z]{22}==$/

/** @param taken called with each socket that becomes an AMQP connection */
export function serveWebSockets(
  http: Server,
  amqp: Receiver,
  logger: Logger,
  taken: (socket: Socket) => void,
): void {
  http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // From here on, HTTP has no listeners on the socket any more.
    hearErrors(socket)
    const rest = restOf(socket)
    try {
      const status = statusOf(request)
      if (status === 101) {
        answerUpgrade(request, socket)
        socket.unshift(Buffer.concat([head, rest]))
        taken(socket)
        const stream = asSocket(socket)
        if (isForeignOrigin(request.headers.origin)) foreignPages.add(stream)
        amqp.accept(stream)
      } else refuse(socket, status)
    } catch (error) {
      logger.warn({ err: error }, 'WebSocket refused')
      socket.destroy()
    }
  })
}

/** The HTTP status of the response to an upgrade request. */
function statusOf(request: IncomingMessage): number {
  if (!PATHS.includes(requestUrl(request)?.pathname ?? '')) return 404
  if (request.method !== 'GET') return 405
  const { upgrade = '', 'sec-websocket-key': key = '', 'sec-websocket-version': version } = request.headers
  if (upgrade.toLowerCase() !== 'websocket' || !KEY.test(key)) return 400
  return version === '13' ? 101 : 426
}

function refuse(socket: Socket, status: number): void {
  const version = status === 426 ? 'Sec-WebSocket-Version: 13\r\n' : ''
  // HTTP sockets stay half-open: unless this side ends them, they wait for the client.
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${version}Connection: close\r\n\r\n`, () =>
    socket.destroy(),
  )
}

function answerUpgrade(request: IncomingMessage, socket: Socket): void {
  const { 'sec-websocket-key': key, 'sec-websocket-protocol': offered = '' } = request.headers
  const accept = createHash('sha1').update(`${key}${KEY_SUFFIX}`).digest('base64')
  const isAmqp = offered.split(',').some((protocol) => protocol.trim() === 'amqp')
  socket.setTimeout(0)
  socket.setNoDelay()
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n${isAmqp ? 'Sec-WebSocket-Protocol: amqp\r\n' : ''}\r\n`,
  )
}

/** The stream of a WebSocket, with the addresses of the underlying socket. */
function asSocket(carrier: Socket): Socket {
  const { remoteAddress, remotePort, localAddress, localPort } = carrier
  const stream = new WebSocketStream(carrier)
  hearErrors(stream)
  const addresses = { remoteAddress, remotePort, localAddress, localPort }
  return Object.assign(stream, addresses) as unknown as Socket
}
