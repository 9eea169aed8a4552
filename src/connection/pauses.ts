// hot: per message
/** Why a connection is not read: every reason has its bit, and the socket is read while there is none. */

/** Nothing has to be handled, but the socket has brought as much as a turn reads. */
export const PAUSE_TURN = 1
/** It has had its share of the turn otherwise: copies of messages, or time. */
export const PAUSE_SHARE = 2
/** An operation, or too much of everything, has to reach the disk first. */
export const PAUSE_DISK = 4
/** The client does not take what is sent to it. */
export const PAUSE_OUTPUT = 8
/** An alarm is on, and the client has tried to publish since. */
export const PAUSE_ALARM = 16
/** What it has asked for takes several turns, and is not done. */
export const PAUSE_WORK = 32
/** Nobody may be served at the moment: another node may be the active one. */
export const PAUSE_FENCE = 64

/** For these, frames that have been read already wait too. */
const FRAMES_WAIT = PAUSE_SHARE | PAUSE_DISK | PAUSE_OUTPUT | PAUSE_ALARM | PAUSE_WORK | PAUSE_FENCE

/** What is paused. */
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

  /** No frame is handled: the client may be talking without being heard. */
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

  /** The socket is read only when `readOn` says so: what was read before comes first. */
  remove(reasons: number): void {
    this.reasons &= ~reasons
  }

  readOn(): void {
    if (this.reasons === 0) this.socket.resume()
  }
}
