// hot: per message
/** A connection's share of a turn of the event loop, so that none starves the others. */
import type { Steps } from '../broker/jobs.ts'
import type { Channel } from '../channel/channel.ts'
import type { Pace } from '../channel/client.ts'
import { READ_BYTES_PER_TURN, TURN_MS } from '../limits.ts'
import type { Connection } from './connection.ts'
import { PAUSE_SHARE, PAUSE_TURN, PAUSE_WORK, type Pauses } from './pauses.ts'

export class TurnShare implements Pace {
  private readonly connection: Connection
  private readonly pauses: Pauses
  private number = 0
  private octets = 0
  private copies = 0
  /** ms spent on the connection in this turn, before the call that started at `began`. */
  private ms = 0
  private began = 0

  constructor(connection: Connection, pauses: Pauses) {
    this.connection = connection
    this.pauses = pauses
  }

  /** Called when handling of input starts. */
  begin(): void {
    this.noteTurn()
    this.began = this.connection.broker.clock.elapsed()
    this.connection.server.talkers.heard(this.connection, this.began)
  }

  end(): void {
    const { clock, turn } = this.connection.broker
    const ms = clock.elapsed() - this.began
    this.ms += ms
    if (this.connection.isStranger) turn.handledStrangersInput(ms)
    else turn.handledInput(ms)
  }

  /**
   * Whether the requests of all connections have taken too long in this turn. Thousands of clients that have not logged
   * in may send without end, and nobody else waits for them.
   */
  get isLate(): boolean {
    const { turn } = this.connection.broker
    return this.connection.isStranger ? turn.isStrangersInputLate : turn.isInputLate()
  }

  /** Postpones the connection's input to the next turn. */
  postpone(): void {
    this.noteTurn()
    this.pauses.add(PAUSE_SHARE)
    if (this.pauses.has(PAUSE_TURN)) return
    this.pauses.add(PAUSE_TURN)
    const { turn } = this.connection.broker
    if (this.ms === 0 && !this.connection.isStranger) turn.resumeFirst(this.connection)
    else this.resumeLater()
  }

  private resumeLater(): void {
    const { connection } = this
    const { turn } = connection.broker
    if (connection.isStranger) turn.resumeStranger(connection, connection.peer.address)
    else turn.resumeLater(connection)
  }

  /** Counts octets that were read. A socket that has used its share continues in the next turn. */
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
    const { clock, turn } = connection.broker
    const ms = clock.elapsed() - this.began
    if (this.ms + ms < TURN_MS && !turn.isInputLate(ms)) return
    this.spent()
  }

  work<T>(steps: Steps<T>, done: (result: T) => void = () => {}, ch?: Channel, id = 0): void {
    const { connection, pauses } = this
    let isOver = false
    let waited = false
    const over = (action: () => void): void => {
      isOver = true
      pauses.remove(PAUSE_WORK)
      action()
      if (waited) connection.intake.goOn()
    }
    const failed = (error: unknown): void => over(() => connection.failed(error, ch?.number, id))
    connection.broker.turn.jobs.begin(steps, { failed }, (result) => over(() => done(result)))
    if (isOver) return
    waited = true
    pauses.add(PAUSE_WORK)
  }

  /** Called when the next turn has started. */
  resumed(): void {
    this.pauses.remove(PAUSE_TURN | PAUSE_SHARE)
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
    if (!connection.server.backpressure.pause(connection)) this.resumeLater()
  }
}
