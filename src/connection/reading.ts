/**
 * Reads into one buffer shared by all connections. Node's sockets allocate a 64 KiB buffer for each read; since the
 * broker copies input into segments during the call, one buffer suffices, and large messages cost half.
 *
 * Client sockets have an option for this (`onread`), but accepted sockets do not, so the accepted handle is wrapped
 * again. If Node's internals differ from what is expected, the socket is used as it is.
 */
import { type Server, Socket, type SocketConstructorOpts } from 'node:net'
import { boundInputOf, boundReadsOf } from '../util/tls-input.ts'

const READ_BYTES = 256 * 1024
const shared = Buffer.allocUnsafeSlow(READ_BYTES)

/** Octets of a read before the login: thousands of such clients may send at once, and what they sent is kept. */
export const READ_BYTES_BEFORE_LOGIN = 16 * 1024
const small = shared.subarray(0, READ_BYTES_BEFORE_LOGIN)

interface Insides {
  _handle?: { useUserBuffer?: unknown } | null
  _server?: Server | null
  server?: Server | null
}

/** Takes the input of a socket. */
export interface Reader {
  /** Whether the client has not logged in. */
  readonly isStranger: boolean
  received(chunk: Buffer): void
}

/**
 * Passes input to the reader. If the result says `reused`, a chunk is valid only during the call, and the caller has to
 * close the socket when the client has ended it.
 * @param accepted a socket of a server with `pauseOnConnect`
 */
export function readShared(
  server: Server | undefined,
  accepted: Socket,
  reader: Reader,
): { socket: Socket; reused: boolean } {
  const inside = accepted as unknown as Insides
  const handle = inside._handle
  if (server === undefined || typeof handle?.useUserBuffer !== 'function' || inside._server !== server) {
    boundInputOf(accepted)
    accepted.on('data', (chunk: Buffer) => reader.received(chunk))
    accepted.resume()
    return { socket: accepted, reused: false }
  }
  let came = (): void => {}
  const callback = (size: number): boolean => {
    came()
    reader.received(shared.subarray(0, size))
    return true
  }
  let isSmall = true
  // Called after each read: it returns a buffer if the next one should go to another.
  const buffer = (): Buffer | undefined => {
    if (!isSmall) return undefined
    isSmall = reader.isStranger
    return isSmall ? small : shared
  }
  const onread = { buffer, callback }
  const options = { handle, onread, allowHalfOpen: true } as SocketConstructorOpts
  const socket = new Socket(options)
  const wrapped = socket as unknown as Insides
  wrapped.server = server
  wrapped._server = server
  inside._handle = null
  inside._server = null
  came = boundReadsOf(socket)
  return { socket, reused: true }
}
