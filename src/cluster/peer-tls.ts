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

/** Nodes to which sessions are kept, in case they change their addresses again and again. */
const SESSIONS_MAX = 100

export class PeerTls {
  /** The current options of the server. */
  options: TlsOptions
  /** For connections to other nodes. */
  private secure: SecureContext
  private readonly settings: TlsSettings
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly changed: (options: TlsOptions) => void
  /**
   * The last session with each node: a connection that resumes it needs no certificate, nor a signature, which would take
   * each of the nodes more time than everything else about a relayed client.
   */
  private readonly sessions = new Map<string, Buffer>()
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

  /** What a connection to that node begins with. */
  toNode(node: string): { secureContext: SecureContext; session?: Buffer } {
    this.look()
    const session = this.sessions.get(node)
    return { secureContext: this.secure, ...(session && { session }) }
  }

  /** Keeps the session of a connection to that node for the next one. */
  keep(node: string, session: Buffer): void {
    if (this.sessions.size >= SESSIONS_MAX) this.sessions.clear()
    this.sessions.set(node, session)
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
      this.sessions.clear()
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
