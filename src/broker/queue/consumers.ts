// hot: per message
/** The consumers of a queue and whose turn it is. Knows credit, not messages. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Queue } from './queue.ts'
import type { Segment } from './segment.ts'

/** What a queue needs of a consumer; a channel implements it. */
export interface Consumer {
  readonly tag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  /** x-priority: a higher one is served first while it has credit. */
  readonly priority: number
  /** As the client gave them. */
  readonly arguments: FieldTable
  /** The queue has put it aside for want of credit; whoever gives credit calls `queue.resume(consumer)`. */
  parked: boolean
  /** Its deliveries that are not settled yet. */
  readonly unacked: number
  hasCredit(): boolean
  /**
   * `number` is the message's number in its queue, by which it is settled later.
   * @throws where the message cannot be read; nothing has gone out then
   */
  deliver(queue: Queue, segment: Segment, index: number, number: number): void
  /** The queue's settings are others now. */
  settingsChanged(): void
  /** The queue is gone: tell the client. */
  cancelled(): void
}

/** Whose turn it is among the consumers of a queue. */
export interface ConsumerRound extends Iterable<Consumer> {
  readonly size: number
  readonly hasExclusive: boolean
  /** Where one consumer is active and the others wait: that one. */
  readonly active: Consumer | undefined
  add(c: Consumer): void
  remove(c: Consumer): void
  /** Back into the round, behind all that wait for their turn. */
  resume(c: Consumer): void
  /** The next consumer that can take a message; those without credit met on the way are put aside. */
  next(): Consumer | undefined
}

/** Consumers of one priority, served in turn. */
interface Level {
  readonly priority: number
  /** Those that may have credit, in the order of service; `turn` points at the next. */
  active: Consumer[]
  turn: number
}

export class Consumers implements ConsumerRound {
  readonly active = undefined
  private readonly all = new Set<Consumer>()
  /** Highest priority first. */
  private levels: Level[] = []

  get size(): number {
    return this.all.size
  }

  [Symbol.iterator](): Iterator<Consumer> {
    return this.all.values()
  }

  get hasExclusive(): boolean {
    for (const c of this.all) if (c.exclusive) return true
    return false
  }

  add(c: Consumer): void {
    this.all.add(c)
    c.parked = true
    this.resume(c)
  }

  remove(c: Consumer): void {
    if (!this.all.delete(c)) return
    const level = this.levels.find((l) => l.priority === c.priority)
    if (level === undefined) return
    const at = level.active.indexOf(c)
    if (at >= 0) this.take(level, at)
    if (![...this.all].some((o) => o.priority === c.priority))
      this.levels = this.levels.filter((l) => l !== level)
  }

  private take(level: Level, at: number): void {
    level.active.splice(at, 1)
    if (at < level.turn) level.turn--
  }

  resume(c: Consumer): void {
    if (!c.parked || !this.all.has(c)) return
    c.parked = false
    let level = this.levels.find((l) => l.priority === c.priority)
    if (level === undefined) {
      level = { priority: c.priority, active: [], turn: 0 }
      this.levels.push(level)
      this.levels.sort((a, b) => b.priority - a.priority)
    }
    level.active.splice(level.turn, 0, c)
    level.turn++
  }

  next(): Consumer | undefined {
    const levels = this.levels
    for (let i = 0; i < levels.length; i++) {
      const level = levels[i] as Level
      while (level.active.length > 0) {
        if (level.turn >= level.active.length) level.turn = 0
        const c = level.active[level.turn] as Consumer
        if (c.hasCredit()) {
          level.turn++
          return c
        }
        level.active.splice(level.turn, 1)
        c.parked = true
      }
    }
    return undefined
  }
}
