/**
 * Reading into one buffer that all connections share. Node's sockets make a new 64 KiB buffer for each read; what the
 * broker reads is copied into segments during the call, so one buffer does, and large messages cost half.
 *
 * Accepted sockets have no public way to ask for this, clients' sockets have (`onread`): the accepted handle is wrapped
 * again. Where Node's inside does not look as expected, the socket stays as it is.
 */
import { type Server, Socket, type SocketConstructorOpts } from 'node:net'

const READ_BYTES = 256 * 1024
const shared = Buffer.allocUnsafeSlow(READ_BYTES)

interface Insides {
  _handle?: { useUserBuffer?: unknown } | null
  _server?: Server | null
  server?: Server | null
}

/**
 * Calls `onChunk` with what comes; the chunk is valid only during the call, where the result says so.
 * @param accepted a socket of a server with `pauseOnConnect`
 */
export function readShared(
  server: Server | undefined,
  accepted: Socket,
  onChunk: (chunk: Buffer) => void,
): { socket: Socket; reused: boolean } {
  const inside = accepted as unknown as Insides
  const handle = inside._handle
  if (server === undefined || typeof handle?.useUserBuffer !== 'function' || inside._server !== server) {
    accepted.on('data', onChunk)
    accepted.resume()
    return { socket: accepted, reused: false }
  }
  const callback = (size: number): boolean => {
    onChunk(shared.subarray(0, size))
    return true
  }
  const options = { handle, onread: { buffer: shared, callback } } as SocketConstructorOpts
  const socket = new Socket(options)
  const wrapped = socket as unknown as Insides
  wrapped.server = server
  wrapped._server = server
  inside._handle = null
  inside._server = null
  return { socket, reused: true }
}
