/**
 * Every socket that the process holds has somebody who hears its errors, from the first moment on: an `error` event
 * without a listener is an exception that nobody catches.
 */
import type { EventEmitter } from 'node:events'

function ignore(): void {}

/** For sockets whose end tells everything there is to know: whoever uses them hears `close`. */
export function hearErrors(socket: EventEmitter): void {
  socket.on('error', ignore)
}

/**
 * The sockets that the server accepts, before a protocol (TLS, HTTP, an upgrade) has its own listeners on them and after
 * it has taken those away; and what goes wrong with the server once it listens.
 */
export function hearErrorsOfServer(server: EventEmitter): void {
  server.on('connection', hearErrors)
  hearErrors(server)
}

/** Whether the other end of a TLS connection has answered in something else. */
export function isNoTls(error: Error): boolean {
  const { code = '' } = error as NodeJS.ErrnoException
  return ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'].includes(code)
}
