import type { HostCertificate, TlsSettings } from '../util/tls.ts'
import { ConfigError } from './parse.ts'

/** Builds the TLS settings of one listener from its keys. */
export class TlsBuilder {
  certfile: string | undefined
  keyfile: string | undefined
  cacertfile: string | undefined
  password: string | undefined
  verifyPeer: boolean | undefined
  failIfNoPeerCert: boolean | undefined
  depth: number | undefined
  honorCipherOrder: boolean | undefined
  dhfile: string | undefined
  handshakeMs: number | undefined
  readonly ciphers: string[] = []
  readonly versions: string[] = []
  readonly hosts: HostCertificate[] = []

  get isSet(): boolean {
    return this.certfile !== undefined || this.keyfile !== undefined
  }

  /**
   * @param prefix prefix of the keys, for error messages
   * @throws ConfigError if a certificate or key is missing, or no secure TLS version remains
   */
  settings(prefix: string, listener: string): TlsSettings {
    const { certfile, keyfile, versions, ciphers } = this
    if (certfile === undefined || keyfile === undefined)
      throw new ConfigError(`${listener} needs ${prefix}.certfile and ${prefix}.keyfile`)
    if (this.verifyPeer === true && this.cacertfile === undefined)
      throw new ConfigError(`${prefix}.verify: verify_peer needs ${prefix}.cacertfile`)
    const [newer, older] = [versions.includes('tlsv1.3'), versions.includes('tlsv1.2')]
    if (versions.length > 0 && !newer && !older)
      throw new ConfigError(`${prefix}.versions: TLS 1.2 or 1.3 is needed; 1.0 and 1.1 are not safe any more`)
    return {
      prefix: `${prefix}.`,
      certfile,
      keyfile,
      cacertfile: this.cacertfile,
      password: this.password,
      verifyPeer: this.verifyPeer,
      failIfNoPeerCert: this.failIfNoPeerCert,
      depth: this.depth,
      honorCipherOrder: this.honorCipherOrder,
      dhfile: this.dhfile,
      handshakeMs: this.handshakeMs,
      ciphers: ciphers.length === 0 ? undefined : ciphers.join(':'),
      minVersion: newer && !older ? 'TLSv1.3' : 'TLSv1.2',
      maxVersion: older && !newer ? 'TLSv1.2' : 'TLSv1.3',
      hosts: this.hosts,
    }
  }
}
