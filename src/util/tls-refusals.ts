/**
 * Refuses clients whose certificate is checked and not valid, and logs why the TLS handshake of a client has failed,
 * with the client's address.
 */
import type { Server, Socket } from 'node:net'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { plainAddress } from './address.ts'
import type { Logger } from './logger.ts'
import { RepeatedLines } from './repeated-lines.ts'
import { now } from './timers.ts'
import type { TlsSettings } from './tls.ts'

const TOO_DEEP = 'CERT_CHAIN_TOO_LONG'
/** Maximum certificates of a chain that are examined. */
const CHAIN_LENGTH_MAX = 100

/** Explanations by error code of OpenSSL and Node. */
const sentences: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS: plain AMQP belongs to another port',
  ERR_SSL_HTTP_REQUEST: 'it does not speak TLS, but plain HTTP',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it offers no version of TLS that is allowed here',
  ERR_SSL_VERSION_TOO_LOW: 'it offers no version of TLS that is allowed here',
  ERR_SSL_NO_SHARED_CIPHER: 'it offers no cipher that is allowed here',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'it takes no signature that the certificate here can make',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it shows no certificate, and has to (fail_if_no_peer_cert)',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust the certificate here: its authority is unknown to it',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it does not trust the certificate here',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not take the certificate here',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the certificate here has expired, it says',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it takes no version of TLS that is allowed here',
  ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR: 'it has given up with an error of its own',
  ERR_PROXY_HEADER:
    'it sends no PROXY header before the TLS handshake, as balancers have to (proxy_protocol)',
  ERR_TLS_LONG_HELLO: 'it sent more than a TLS client can have to say at first',
  ERR_TLS_KEY_UPDATES: 'it changes its keys again and again',
  ERR_TLS_RENEGOTIATION_DISABLED: 'it begins another handshake on its connection',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'it did not finish in time (ssl_handshake_timeout)',
  ECONNRESET: 'it hung up: it may not trust the certificate here, or only test the port',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  [TOO_DEEP]: 'more authorities stand above its certificate than ssl_options.depth allows',
}

/** Describes the failure in words. */
export function refusalOf(error: NodeJS.ErrnoException, socket: TLSSocket): string {
  // Node stores the certificate error in the socket.
  const verdict = socket.authorizationError as unknown as string | null | undefined
  if (verdict !== null && verdict !== undefined)
    return sentences[verdict] ?? `its certificate is not trusted here (${verdict})`
  return sentences[error.code ?? ''] ?? `${error.code ?? error.message}`
}

/** Why a client's certificate is refused: a code of OpenSSL. A missing certificate is not judged here. */
function problemOf(socket: TLSSocket, tls: TlsSettings): string | undefined {
  if (tls.verifyPeer !== true) return undefined
  const own = socket.getPeerCertificate(true)
  // Node returns undefined or an empty object if there is no certificate.
  if (own?.raw === undefined) return undefined
  if (!socket.authorized) return String(socket.authorizationError)
  return tls.depth !== undefined && authoritiesAbove(own) > tls.depth ? TOO_DEEP : undefined
}

/** Number of authorities between a certificate and the self-signed one of its chain; infinite if that is missing. */
function authoritiesAbove(own: DetailedPeerCertificate): number {
  let [at, count] = [own, 0]
  for (; count < CHAIN_LENGTH_MAX; count++) {
    const above: DetailedPeerCertificate | undefined = at.issuerCertificate
    if (above === undefined) break
    if (above === at || above.fingerprint256 === at.fingerprint256) return Math.max(0, count - 1)
    at = above
  }
  return Number.POSITIVE_INFINITY
}

/**
 * Refuses and logs such clients. Call before anything else listens to the server's sockets.
 * @param what the protocol, such as AMQP
 */
export function refuseTlsClients(server: Server, tls: TlsSettings, what: string, logger: Logger): void {
  // A socket loses its address once the client has disconnected, so the address is kept from the beginning.
  const peers = new WeakMap<object, string>()
  const lines = new RepeatedLines(logger, now)
  const peerOf = (s: Socket): string => `${plainAddress(s.remoteAddress)}:${s.remotePort}`
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const code = problemOf(socket, tls)
    if (code === undefined) return
    server.emit('tlsClientError', Object.assign(new Error(code), { code }), socket)
    socket.destroy()
  })
  server.on('connection', (socket: Socket) => void peers.set(socket, peerOf(socket)))
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const below = (socket as { _parent?: object })._parent
    const peer = socket.remoteAddress === undefined ? below && peers.get(below) : peerOf(socket)
    const fields = { peer, code: error.code, reason: (error as { reason?: string }).reason }
    const text = `TLS client ${peer ?? 'of unknown address'} refused by ${what}: ${refusalOf(error, socket)}`
    lines.warn(fields, text, `TLS clients refused by ${what}`)
  })
}
