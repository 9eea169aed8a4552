// hot: per message
/** The consumers of a queue in round-robin order. Deals with credit, not with messages. */
import { CANCELLED_PER_STEP } from '../../limits.ts'
import type { FieldTable } from '../../protocol/field-table.ts'
import { inSteps, type Steps } from '../jobs.ts'
import type { Segment } from '../messages/segment.ts'
import type { ConsumedQueue } from './queue.ts'

/** A consumer as its queue sees it; implemented by the channel. */
export interface Consumer {
  readonly tag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  /** x-priority: consumers of higher priority are served first while they have credit. */
  readonly priority: number
  /** As given by the client. */
  readonly arguments: FieldTable
  /** Whether the consumer has no credit: it gets no messages until `queue.resume(consumer)` is called. */
  resting: boolean
  /** Number of unsettled deliveries. */
  readonly unacked: number
  hasCredit(): boolean
  /**
   * Sends a message.
   * @param sequence the number with which the delivery is settled later
   * @throws Error if the message cannot be read; nothing has been sent then
   */
  deliver(queue: ConsumedQueue, segment: Segment, index: number, sequence: number): void
  /** Called when the queue's settings have changed. */
  settingsChanged(): void
  /** Called when the queue was deleted; notifies the client. */
  cancelled(): void
}

/** Chooses the next consumer of a queue. */
export interface ConsumerRound extends Iterable<Consumer> {
  readonly size: number
  readonly hasExclusive: boolean
  /** The active consumer if the queue has x-single-active-consumer. */
  readonly active: Consumer | undefined
  add(c: Consumer): void
  remove(c: Consumer): void
  /** Puts a resting consumer back, behind all waiting consumers. */
  resume(c: Consumer): void
  /** Returns the next consumer with credit and advances. Consumers without credit before it become resting. */
  next(): Consumer | undefined
  /** As `next`, but does not advance. */
  peek(): Consumer | undefined
}

/** The consumers of one priority, served round-robin. */
interface Level {
  readonly priority: number
  /** The next of the consumers that may have credit, which form a circle; undefined if there are none. */
  turn: Place | undefined
  /** Number of consumers, including resting ones. */
  members: number
}

/** A consumer's place in the circle of its level; the only consumer of a level is its own neighbour. */
interface Place {
  readonly consumer: Consumer
  readonly level: Level
  next: Place
  previous: Place
}

const none: ReadonlyMap<Consumer, unknown> = new Map()

/** All operations except iteration take the same time for any number of consumers of a priority. */
export class Consumers implements ConsumerRound {
  readonly active = undefined
  /** Created with the first consumer: there may be very many queues without consumers. */
  private all: Map<Consumer, Place> | undefined
  private byPriority: Map<number, Level> | undefined
  /** Ordered by priority, highest first. */
  private readonly levels: Level[] = []
  /** The levels before this position have no consumer that may have credit. */
  private first = 0
  private exclusives = 0

  get size(): number {
    return this.all === undefined ? 0 : this.all.size
  }

  [Symbol.iterator](): Iterator<Consumer> {
    return (this.all ?? none).keys()
  }

  get hasExclusive(): boolean {
    return this.exclusives > 0
  }

  add(consumer: Consumer): void {
    const { priority } = consumer
    this.all ??= new Map()
    this.byPriority ??= new Map()
    let level = this.byPriority.get(priority)
    if (level === undefined) {
      level = { priority, turn: undefined, members: 0 }
      this.byPriority.set(priority, level)
      const at = this.positionOf(priority)
      this.levels.splice(at, 0, level)
      if (at < this.first) this.first++
    }
    level.members++
    if (consumer.exclusive) this.exclusives++
    const place = { consumer, level } as Place
    place.next = place.previous = place
    this.all.set(consumer, place)
    consumer.resting = true
    this.resume(consumer)
  }

  remove(c: Consumer): void {
    const place = this.all?.get(c)
    if (place === undefined) return
    this.all?.delete(c)
    if (c.exclusive) this.exclusives--
    if (!c.resting) leave(place)
    const { level } = place
    if (--level.members > 0) return
    this.byPriority?.delete(level.priority)
    const at = this.positionOf(level.priority)
    this.levels.splice(at, 1)
    if (at < this.first) this.first--
  }

  /** The first position whose level does not have a higher priority. */
  private positionOf(priority: number): number {
    let low = 0
    let high = this.levels.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.levels[middle] as Level).priority > priority) low = middle + 1
      else high = middle
    }
    return low
  }

  resume(c: Consumer): void {
    const place = this.all?.get(c)
    if (!c.resting || place === undefined) return
    c.resting = false
    const { level } = place
    if (level.turn === undefined) level.turn = place
    else {
      place.next = level.turn
      place.previous = level.turn.previous
      place.previous.next = place
      level.turn.previous = place
    }
    if (this.first > 0) this.first = Math.min(this.first, this.positionOf(level.priority))
  }

  next(): Consumer | undefined {
    const place = this.findNext()
    if (place === undefined) return undefined
    place.level.turn = place.next
    return place.consumer
  }

  peek(): Consumer | undefined {
    return this.findNext()?.consumer
  }

  private findNext(): Place | undefined {
    const levels = this.levels
    for (; this.first < levels.length; this.first++) {
      const level = levels[this.first] as Level
      while (level.turn !== undefined) {
        const place: Place = level.turn
        if (place.consumer.hasCredit()) return place
        leave(place)
        place.consumer.resting = true
      }
    }
    return undefined
  }
}

/** Removes and cancels each consumer, in steps. */
export function cancelling(consumers: Iterable<Consumer>, remove: (c: Consumer) => void): Steps {
  return inSteps(consumers, CANCELLED_PER_STEP, (c) => {
    remove(c)
    c.cancelled()
  })
}

/** Shared by all queues that have never had a consumer. */
export const nobody: ConsumerRound = new Consumers()

/** Removes a place from the circle; if its consumer was next, the following one is. */
function leave(place: Place): void {
  const { level, next, previous } = place
  if (next === place) level.turn = undefined
  else {
    if (level.turn === place) level.turn = next
    previous.next = next
    next.previous = previous
  }
  place.next = place.previous = place
}
