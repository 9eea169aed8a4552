// hot: per message
/** A connection's share of a turn of the event loop: nobody reads without end while others wait. */
import type { Pace } from '../channel/client.ts'
import { READ_BYTES_PER_TURN, TURN_MS } from '../limits.ts'
import type { Connection } from './connection.ts'
import { PAUSE_SHARE, PAUSE_TURN, type Pauses } from './pauses.ts'

export class TurnShare implements Pace {
  private readonly connection: Connection
  private readonly pauses: Pauses
  /** What it has begun and goes on with in the next turn. */
  private step: (() => boolean) | undefined
  private number = 0
  private octets = 0
  private copies = 0
  /** ms that were spent on it in this turn, in calls before the one that began at `began`. */
  private ms = 0
  private began = 0

  constructor(connection: Connection, pauses: Pauses) {
    this.connection = connection
    this.pauses = pauses
  }

  /** The handling of input begins. */
  begin(): void {
    this.noteTurn()
    this.began = this.connection.broker.clock.elapsed()
  }

  end(): void {
    this.ms += this.connection.broker.clock.elapsed() - this.began
  }

  /** A socket that has had its share goes on in the next turn. */
  read(octets: number): void {
    this.noteTurn()
    this.octets += octets
    if (this.octets >= READ_BYTES_PER_TURN) this.waitForTurn()
  }

  fannedOut(copies: number): void {
    this.noteTurn()
    this.copies += copies
    if (this.copies < this.connection.broker.turn.copiesShare || this.connection.state !== 'open') return
    this.spent()
  }

  handled(): void {
    const { connection } = this
    if (this.pauses.framesWait || connection.state !== 'open') return
    if (this.ms + connection.broker.clock.elapsed() - this.began < TURN_MS) return
    this.spent()
  }

  work(step: () => boolean): void {
    if (step()) return
    this.step = step
    this.spent()
  }

  /** The next turn has come: what was begun goes on. */
  resumed(): void {
    this.pauses.remove(PAUSE_TURN | PAUSE_SHARE)
    const { step } = this
    this.step = undefined
    if (step !== undefined && this.connection.state === 'open') this.work(step)
  }

  private noteTurn(): void {
    const { number } = this.connection.broker.turn
    if (this.number === number) return
    this.number = number
    this.octets = 0
    this.copies = 0
    this.ms = 0
  }

  private spent(): void {
    this.pauses.add(PAUSE_SHARE)
    this.waitForTurn()
  }

  private waitForTurn(): void {
    if (this.pauses.has(PAUSE_TURN)) return
    const { connection } = this
    this.pauses.add(PAUSE_TURN)
    if (!connection.server.congestion.pause(connection)) connection.broker.turn.resumeLater(connection)
  }
}
