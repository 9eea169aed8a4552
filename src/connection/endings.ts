/**
 * Ends of connections. Eighteen thousand clients may disconnect in the same turn of the event loop: their endings are
 * handled at once while the turn has time, and the others in the next turns, in the order in which the clients
 * disconnected.
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

  /** Number of endings that wait for a turn with time. */
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
    // Actions that close sockets share the time of this turn with those that follow once the sockets are closed.
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

/** Sends pending output before the end. Without any, the socket is destroyed at once, which takes half the time. */
function endSocket(socket: Socket, output: Output): void {
  if (output.waiting === 0) {
    socket.destroy()
    return
  }
  output.finish()
  socket.end()
}
