/**
 * Attaches an error listener to every socket of the process from the beginning: an `error` event without a listener
 * becomes an uncaught exception.
 */
import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

function ignore(): void {}

/** For sockets whose users only need to know that the socket has ended: they listen for `close`. */
export function hearErrors(socket: EventEmitter): void {
  socket.on('error', ignore)
}

/**
 * Reads nothing from an accepted socket, as with `pauseOnConnect`: a stream that is only paused would still be filled.
 * @returns a function that makes it readable again
 */
export function holdInput(socket: Socket): () => void {
  const { _handle: handle } = socket as unknown as { _handle?: Handle | null }
  if (handle?.reading !== true || handle.readStop === undefined) return () => {}
  handle.readStop()
  return () => {
    if (!socket.destroyed) handle.readStart?.()
  }
}

/** Reads nothing any more, whoever asks for input: the stream believes that it is being read. */
export function endInput(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { _handle?: Handle | null }
  if (handle?.readStop === undefined) return
  handle.reading = true
  handle.readStop()
}

/** Node.js's handle of a socket. */
interface Handle {
  reading?: boolean
  readStart?(): void
  readStop?(): void
}

/**
 * Covers accepted sockets before a protocol (TLS, HTTP, an upgrade) has attached its listeners and after it has removed
 * them, and errors of the server once it is listening.
 */
export function hearErrorsOfServer(server: EventEmitter): void {
  server.on('connection', hearErrors)
  hearErrors(server)
}

/**
 * Closes clients that have gone before they were accepted, or before their TLS handshake has ended. What they sent would
 * still be handled, and nobody could say any more from which address it came.
 */
export function dropGone(
  server: EventEmitter,
  event: 'connection' | 'secureConnection' = 'connection',
): void {
  server.prependListener(event, (socket: Socket) => {
    if (socket.remoteAddress === undefined) socket.destroy()
  })
}

/** Whether the error says that the peer of a TLS connection has answered in another protocol. */
export function isNoTls(error: Error): boolean {
  const { code = '' } = error as NodeJS.ErrnoException
  return ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'].includes(code)
}
