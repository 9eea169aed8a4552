/**
 * TLS between the nodes. Certificates are renewed while a node runs, so the files are read again when one of them
 * changes.
 */
import { statSync } from 'node:fs'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import type { Clock } from '../util/clock.ts'
import { clientKeyExchange } from '../util/key-exchange.ts'
import type { Logger } from '../util/logger.ts'
import { contextOf, type TlsSettings } from '../util/tls.ts'

/** Minimum ms between two checks of the files: many clients may connect at once. */
const HOLDS_MS = 1000

export class PeerTls {
  /** The current options of the server. */
  options: TlsOptions
  /** For connections to other nodes. */
  private secure: SecureContext
  private readonly settings: TlsSettings
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly changed: (options: TlsOptions) => void
  private seen: string
  private lookedAt: number

  /**
   * @param changed called with the new options of the server
   * @throws the error of reading a file, or of using it
   */
  constructor(settings: TlsSettings, clock: Clock, logger: Logger, changed: (options: TlsOptions) => void) {
    this.settings = settings
    this.clock = clock
    this.logger = logger
    this.changed = changed
    this.seen = this.stamp()
    this.lookedAt = clock.elapsed()
    this.options = contextOf(settings)
    this.secure = clientContext(this.options)
  }

  get context(): SecureContext {
    this.look()
    return this.secure
  }

  /**
   * Reads changed files. If certificate and key do not match, as during their replacement, the previous ones stay in
   * use.
   */
  look(): void {
    const now = this.clock.elapsed()
    if (now - this.lookedAt < HOLDS_MS) return
    this.lookedAt = now
    try {
      const stamp = this.stamp()
      if (stamp === this.seen) return
      const options = contextOf(this.settings)
      this.secure = clientContext(options)
      this.options = options
      this.seen = stamp
      this.changed(options)
      this.logger.info({}, 'certificate of the peer port reloaded')
    } catch (error) {
      this.logger.warn(
        { err: (error as Error).message },
        'the new certificate of the peer port cannot be used',
      )
    }
  }

  /** Changes whenever one of the files changes. */
  private stamp(): string {
    const { certfile, keyfile, cacertfile } = this.settings
    return [certfile, keyfile, cacertfile]
      .filter((f) => f !== undefined)
      .map((f) => {
        const { mtimeMs, size, ino } = statSync(f)
        return `${mtimeMs} ${size} ${ino}`
      })
      .join()
  }
}

function clientContext(options: TlsOptions): SecureContext {
  return createSecureContext({ ...options, ...clientKeyExchange(options.ciphers) })
}
