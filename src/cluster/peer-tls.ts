/** TLS between the nodes. Its files are read once, and again where one of them has changed: a certificate is renewed while its node runs. */
import { statSync } from 'node:fs'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { contextOf, type TlsSettings } from '../util/tls.ts'

/** ms for which the files are believed to be as they were: many clients may come at once. */
const HOLDS_MS = 1000

export class PeerTls {
  /** Of the server, as they are now. */
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
   * @param changed called with what the server is to use from now on
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
    this.secure = createSecureContext(this.options)
  }

  get context(): SecureContext {
    this.look()
    return this.secure
  }

  /** A pair of files that does not fit, as while they are being replaced, leaves those in use that were read before. */
  look(): void {
    const now = this.clock.elapsed()
    if (now - this.lookedAt < HOLDS_MS) return
    this.lookedAt = now
    try {
      const stamp = this.stamp()
      if (stamp === this.seen) return
      const options = contextOf(this.settings)
      this.secure = createSecureContext(options)
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

  /** Changes with every file. */
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
