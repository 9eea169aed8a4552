export type BrokerErrorCode =
  /** The broker is closed, or closing. */
  | 'CLOSED'
  /** There is no such vhost or queue. */
  | 'NOT_FOUND'
  /** A user of that name is there already. */
  | 'EXISTS'
  /** The message says why. */
  | 'REFUSED'
  /** What was waited for did not come in time. */
  | 'TIMEOUT'

/** What the methods of a broker reject with, besides StorageError and TypeError. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: BrokerErrorCode

  constructor(code: BrokerErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
