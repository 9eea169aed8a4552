// hot: per message
/** The reasons for which a connection is not read, one bit each. */

/** Enough was read from the socket in this turn; frames that have been read are still handled. */
export const PAUSE_TURN = 1
/** The connection has used its share of the turn: copies of messages, or time. */
export const PAUSE_SHARE = 2
/** An operation, or too much pending data, must reach the disk first. */
export const PAUSE_DISK = 4
/** The client does not read its output. */
export const PAUSE_OUTPUT = 8
/** An alarm is in effect, and the client has tried to publish. */
export const PAUSE_ALARM = 16
/** An operation that takes several turns is running. */
export const PAUSE_WORK = 32
/** Clients must not be served now: another node may be active. */
export const PAUSE_FENCE = 64
/** The connection will be closed. */
export const PAUSE_END = 128

/** Reasons for which frames that are already read wait, too. */
const FRAMES_WAIT =
  PAUSE_SHARE | PAUSE_DISK | PAUSE_OUTPUT | PAUSE_ALARM | PAUSE_WORK | PAUSE_FENCE | PAUSE_END

/** A socket that can be paused. */
export interface Readable {
  pause(): void
  resume(): void
}

export class Pauses {
  private reasons = 0
  private readonly socket: Readable

  constructor(socket: Readable) {
    this.socket = socket
  }

  /** Whether no frames are handled, so that the client's silence means nothing. */
  get framesWait(): boolean {
    return (this.reasons & FRAMES_WAIT) !== 0
  }

  has(reason: number): boolean {
    return (this.reasons & reason) !== 0
  }

  add(reason: number): void {
    this.reasons |= reason
    this.socket.pause()
  }

  /** Reading resumes with `readOn`, after the backlog. */
  remove(reasons: number): void {
    this.reasons &= ~reasons
  }

  readOn(): void {
    if (this.reasons === 0) this.socket.resume()
  }
}
