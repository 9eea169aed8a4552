/** TLS settings of a listener of any protocol. */
import { constants } from 'node:crypto'
import type { TlsOptions } from 'node:tls'
import { keyExchange } from './key-exchange.ts'
import { checkCiphers, readAuthorities, readPair, readParameters } from './tls-files.ts'

/** Default of ssl_handshake_timeout; then the socket is closed. */
const TLS_HANDSHAKE_MS_MAX = 5_000

/** Members for files are named as in RabbitMQ's ssl_options. */
export interface TlsSettings {
  /** Prefix of these settings' names in errors: `ssl_options.` */
  readonly prefix?: string | undefined
  readonly certfile: string
  readonly keyfile: string
  readonly cacertfile?: string | undefined
  readonly password?: string | undefined
  /** verify_peer: a certificate presented by a client must be valid. Needs `cacertfile`. */
  readonly verifyPeer?: boolean | undefined
  /** Number of authorities that may stand between a client's certificate and one of `cacertfile`; undefined = any. */
  readonly depth?: number | undefined
  /** Rejects clients without a certificate. */
  readonly failIfNoPeerCert?: boolean | undefined
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly minVersion?: string | undefined
  readonly maxVersion?: string | undefined
  /** A colon-separated OpenSSL cipher list. */
  readonly ciphers?: string | undefined
  readonly honorCipherOrder?: boolean | undefined
  /** Diffie-Hellman parameters. */
  readonly dhfile?: string | undefined
  /** Timeout of the TLS handshake in ms; undefined = RabbitMQ's 5 s. */
  readonly handshakeMs?: number | undefined
  /** Certificates by requested host name (SNI); `*.example.org` matches one label. */
  readonly hosts?: readonly HostCertificate[] | undefined
}

export interface HostCertificate {
  readonly host: string
  readonly certfile: string
  readonly keyfile: string
}

/** The timeout of a handshake in ms. */
export function handshakeMsOf({
  handshakeMs = TLS_HANDSHAKE_MS_MAX,
}: Pick<TlsSettings, 'handshakeMs'>): number {
  return handshakeMs
}

/** @throws StartError that names the setting, the file and what is wrong with it */
export function contextOf(tls: TlsSettings): TlsOptions {
  const { prefix = '', certfile, keyfile, cacertfile, dhfile } = tls
  const named = (key: string, file: string): { key: string; file: string } => ({ key: prefix + key, file })
  // A resumed session has only the client's own certificate, so its depth could not be checked.
  const noSessions = tls.depth === undefined ? 0 : constants.SSL_OP_NO_TICKET
  if (tls.ciphers !== undefined) checkCiphers(`${prefix}ciphers`, tls.ciphers)
  return {
    ...readPair(named('certfile', certfile), named('keyfile', keyfile), tls.password),
    ...(cacertfile === undefined ? {} : { ca: readAuthorities(named('cacertfile', cacertfile)) }),
    secureOptions: noSessions,
    ecdhCurve: keyExchange(),
    ...(tls.password === undefined ? {} : { passphrase: tls.password }),
    requestCert: tls.verifyPeer === true,
    rejectUnauthorized: tls.verifyPeer === true && tls.failIfNoPeerCert === true,
    ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
    ...(tls.honorCipherOrder === undefined ? {} : { honorCipherOrder: tls.honorCipherOrder }),
    ...(dhfile === undefined ? {} : { dhparam: readParameters(named('dhfile', dhfile)) }),
    handshakeTimeout: handshakeMsOf(tls),
    minVersion: (tls.minVersion ?? 'TLSv1.2') as 'TLSv1.2' | 'TLSv1.3',
    maxVersion: (tls.maxVersion ?? 'TLSv1.3') as 'TLSv1.2' | 'TLSv1.3',
  }
}
