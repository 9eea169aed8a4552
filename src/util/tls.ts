/** TLS of a listener, whatever it speaks. */
import { readFileSync } from 'node:fs'
import type { TlsOptions } from 'node:tls'

/** Where ssl_handshake_timeout does not say; then the socket is closed. */
const TLS_HANDSHAKE_MS_MAX = 5_000

/** Files are named as RabbitMQ's ssl_options name them. */
export interface TlsSettings {
  readonly certfile: string
  readonly keyfile: string
  readonly cacertfile?: string | undefined
  readonly password?: string | undefined
  /** verify_peer: a certificate that a client shows must be good. */
  readonly verifyPeer?: boolean | undefined
  /** Clients without a certificate are refused. */
  readonly failIfNoPeerCert?: boolean | undefined
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly minVersion?: string | undefined
  readonly maxVersion?: string | undefined
  /** OpenSSL's list, with colons between the names. */
  readonly ciphers?: string | undefined
  readonly honorCipherOrder?: boolean | undefined
  /** Diffie-Hellman parameters. */
  readonly dhfile?: string | undefined
  /** ms that a client has for the TLS handshake; undefined = RabbitMQ's 5 s. */
  readonly handshakeMs?: number | undefined
  /** Other certificates for clients that ask for these hosts (SNI); `*.example.org` stands for one part of any name. */
  readonly hosts?: readonly HostCertificate[] | undefined
}

export interface HostCertificate {
  readonly host: string
  readonly certfile: string
  readonly keyfile: string
}

/** @throws the error of reading a file */
export function contextOf(tls: TlsSettings): TlsOptions {
  return {
    cert: readFileSync(tls.certfile),
    key: readFileSync(tls.keyfile),
    ...(tls.cacertfile === undefined ? {} : { ca: readFileSync(tls.cacertfile) }),
    ...(tls.password === undefined ? {} : { passphrase: tls.password }),
    requestCert: tls.verifyPeer === true,
    rejectUnauthorized: tls.verifyPeer === true && tls.failIfNoPeerCert === true,
    ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
    ...(tls.honorCipherOrder === undefined ? {} : { honorCipherOrder: tls.honorCipherOrder }),
    ...(tls.dhfile === undefined ? {} : { dhparam: readFileSync(tls.dhfile) }),
    handshakeTimeout: tls.handshakeMs ?? TLS_HANDSHAKE_MS_MAX,
    minVersion: (tls.minVersion ?? 'TLSv1.2') as 'TLSv1.2' | 'TLSv1.3',
    maxVersion: (tls.maxVersion ?? 'TLSv1.3') as 'TLSv1.2' | 'TLSv1.3',
  }
}
