/**
 * The ends of connections. Eighteen thousand clients may leave in the same turn of the event loop: what remains to be
 * done for each is done at once while time permits, and for the others in the next turns, in the order in which they left.
 */
import type { Socket } from 'node:net'
import { ENDINGS_MS_PER_TURN } from '../limits.ts'
import type { Output } from '../output/output.ts'
import type { Clock } from '../util/clock.ts'
import { charged, type Owner } from '../util/owner.ts'

interface Ending {
  readonly owner: Owner
  readonly action: () => void
}

export class Endings {
  private readonly clock: Clock
  private due: Ending[] = []
  /** ms spent in this turn. */
  private spent = 0
  private scheduled = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Those that wait for a turn with time. */
  get waiting(): number {
    return this.due.length
  }

  /**
   * @param reused whether the socket stays open for writing when its client has ended it, until it is closed here
   * @param ended called once, after the socket has closed
   */
  watch(socket: Socket, reused: boolean, output: Output, owner: Owner, ended: () => void): void {
    socket.on('close', () => this.do({ owner, action: ended }))
    if (reused) socket.on('end', () => this.do({ owner, action: () => endSocket(socket, output) }))
  }

  private do(e: Ending): void {
    this.schedule()
    if (this.due.length > 0 || this.spent >= ENDINGS_MS_PER_TURN) {
      this.due.push(e)
      return
    }
    const began = this.clock.elapsed()
    try {
      charged(e.owner, e.action)
    } finally {
      this.spent += this.clock.elapsed() - began
    }
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.clock.defer(() => this.nextTurn())
  }

  private nextTurn(): void {
    this.scheduled = false
    this.spent = 0
    if (this.due.length === 0) return
    // What closes sockets shares the time of this turn with what follows once they are closed.
    this.schedule()
    const { due } = this
    this.due = []
    const began = this.clock.elapsed()
    let done = 0
    try {
      while (done < due.length && this.spent < ENDINGS_MS_PER_TURN) {
        const { owner, action } = due[done++] as Ending
        charged(owner, action)
        this.spent = this.clock.elapsed() - began
      }
    } finally {
      this.due = [...due.slice(done), ...this.due]
    }
  }
}

/** What was written still goes out; where nothing was, closing the socket at once takes half the time. */
function endSocket(socket: Socket, output: Output): void {
  if (output.waiting === 0) {
    socket.destroy()
    return
  }
  output.finish()
  socket.end()
}
