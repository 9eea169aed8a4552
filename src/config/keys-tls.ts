/** Keys of TLS: `ssl_options.*`, and their counterparts below the HTTP listeners. */
import type { Apply, ConfigBuilder } from './config-builder.ts'
import type { TlsBuilder } from './tls-builder.ts'
import { boolean, integer, oneOf, secret } from './values.ts'

const versions = ['tlsv1.3', 'tlsv1.2', 'tlsv1.1', 'tlsv1'] as const

/** @param where selects the listener whose TLS settings the key changes */
export function tlsKeysOf(prefix: string, where: (d: ConfigBuilder) => TlsBuilder): Record<string, Apply> {
  const keys: Record<string, (tls: TlsBuilder, value: string) => void> = {
    cacertfile: (t, v) => {
      t.cacertfile = v
    },
    certfile: (t, v) => {
      t.certfile = v
    },
    keyfile: (t, v) => {
      t.keyfile = v
    },
    password: (t, v) => {
      t.password = secret(v)
    },
    verify: (t, v) => {
      t.verifyPeer = oneOf(v, ['verify_peer', 'verify_none']) === 'verify_peer'
    },
    fail_if_no_peer_cert: (t, v) => {
      t.failIfNoPeerCert = boolean(v)
    },
    depth: (t, v) => {
      t.depth = integer(v, 0)
    },
    honor_cipher_order: (t, v) => {
      t.honorCipherOrder = boolean(v)
    },
    dhfile: (t, v) => {
      t.dhfile = v
    },
    'ciphers.*': (t, v) => void t.ciphers.push(v),
    'versions.*': (t, v) => void t.versions.push(oneOf(v, versions)),
  }
  return Object.fromEntries(
    Object.entries(keys).map(([key, set]): [string, Apply] => [
      `${prefix}.${key}`,
      (d, v) => set(where(d), v),
    ]),
  )
}

export const tlsKeys: Readonly<Record<string, Apply>> = {
  ...tlsKeysOf('ssl_options', (d) => d.tls),
  ssl_options: (_, v) => void oneOf(v, ['none']),
  'ssl_options.sni.*': (d, v) => {
    const [host, certfile, keyfile, more] = v.split(/\s+/)
    if (host === undefined || certfile === undefined || keyfile === undefined || more !== undefined)
      throw new Error(`expected a host, a certificate file and a key file, found '${v}'`)
    d.tls.hosts.push({ host, certfile, keyfile })
  },
  ssl_handshake_timeout: (d, v) => {
    d.tls.handshakeMs = v === 'infinity' ? undefined : integer(v, 1)
  },
}
