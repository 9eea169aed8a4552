export type BrokerErrorCode =
  /** The broker is closed, or closing. */
  | 'CLOSED'
  /** The vhost or queue does not exist. */
  | 'NOT_FOUND'
  /** A user of that name exists already. */
  | 'EXISTS'
  /** The message gives the reason. */
  | 'REFUSED'
  /** The condition was not met in time. */
  | 'TIMEOUT'

/** The error with which a broker's methods reject, besides StorageError and TypeError. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: BrokerErrorCode

  constructor(code: BrokerErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
