// hot: per message
/**
 * The work at the end of a turn of the event loop, after waiting input was read: queues deliver, channels confirm
 * publishes, a batch goes to the disk, and connections write their output.
 */
import {
  COPIES_PER_TURN,
  INPUT_MS_PER_TURN,
  JOB_WAIT_MS,
  QUEUES_SERVED_AT_LEAST,
  QUEUES_SERVED_MS_MORE,
  TURN_MS,
} from '../limits.ts'
import type { Clock } from '../util/clock.ts'
import { FairQueue } from '../util/fair-queue.ts'
import { charge, charged, type Owner } from '../util/owner.ts'
import { shareNow } from '../util/timers.ts'
import { Ending } from './ending.ts'
import { Jobs } from './jobs.ts'

/**
 * Maximum number of rounds per turn, since dead lettering can wake further queues; the remaining ones continue in the
 * next turn.
 */
const ROUNDS_MAX = 1000

/** Time per turn in ms to handle input of all connections together that have not opened a vhost yet. */
export const STRANGERS_INPUT_MS_PER_TURN = 10

/** A failure is charged only to the queue that causes it; the other queues are served. */
export interface Pumped extends Owner {
  pump(): void
}
export interface Flushed extends Owner {
  flush(): void
}
export interface Confirming extends Owner {
  sendConfirms(): void
}

export interface Resumed extends Owner {
  resumeReading(): void
}

export class Turn {
  /** Number of the turn. */
  number = 1
  /** Time of this turn in ms since 1970, read at most once a turn. */
  private time = 0
  /** Copies of messages that one connection may cause in this turn: more if fewer connections are busy. */
  copiesShare = COPIES_PER_TURN
  readonly jobs: Jobs
  readonly clock: Clock
  /** Whether a memory or disk alarm is in effect. */
  inAlarm: () => boolean = () => false
  /** Whether an alarm is in effect or much data waits for the disk: operations that make many copies then wait. */
  isFull: () => boolean = () => false
  /** Whether much data waits for the disk: messages that the broker itself moves then wait, as publishers do. */
  isBehind: () => boolean = () => false
  /** Whether the last write to the disk failed. */
  diskFails: () => boolean = () => false
  readonly ending: Ending
  /** Whether `pumpAlone` does nothing: a queue that is delivering a message would deliver it again. */
  pumpsNone = false
  private queues: Pumped[] = []
  /** Queues for the next turn. `postponed`: could not do anything in this turn; `served`: had a share of this turn. */
  private postponed: Pumped[] = []
  private served: Pumped[] = []
  /** Queues that wait until data has been written to the disk. */
  private readonly behind = new Set<Pumped>()
  /** End of the time that all queues share to deliver and to wake other queues; 0 outside `pumpNow` and `pumpAlone`. */
  private pumpUntil = 0
  /** Time that queues have used in this turn, in ms. */
  private pumped = 0
  private outputs: Flushed[] = []
  private confirming: Confirming[] = []
  private paused: Resumed[] = []
  /** Readers without a share of this turn: they come first in the next one. */
  private pausedFresh: Resumed[] = []
  /** Connections that have not opened a vhost yet ("strangers"), by address: however many, they delay no others. */
  private readonly pausedStrangers = new FairQueue<Resumed>()
  /** Time in which input was handled in this turn, in ms. */
  private input = 0
  /** The same for input of connections that have not opened a vhost yet. */
  private strangersInput = 0
  private scheduled = false
  /** Whether `runBound` is among the actions that the clock holds for the next round of the event loop. */
  private deferred = false
  /** Whether this turn, in progress or about to begin, handles what is requested now, so that none needs scheduling. */
  private within = false
  /**
   * Whether clients may be served now; undefined = always. While it returns false, nothing is delivered, and turns wait
   * until `run` is called.
   */
  gate: (() => boolean) | undefined
  private readonly atEnd: () => void
  private readonly owner: Owner
  private readonly runBound = (): void => {
    this.deferred = false
    this.run()
  }

  /** @param owner is charged with errors of `atEnd` */
  constructor(clock: Clock, atEnd: () => void, owner: Owner) {
    this.clock = clock
    this.jobs = new Jobs(clock, () => this.schedule())
    this.ending = new Ending(clock)
    this.owner = owner
    this.atEnd = atEnd
  }

  /**
   * Whether operations that wait for the end of an alarm, or for the disk, should be abandoned: the closing broker
   * would wait for them, possibly forever.
   */
  givesUp(): boolean {
    const { isBegun, isOverdue } = this.ending
    return isBegun && (this.inAlarm() || this.diskFails() || (isOverdue && this.isBehind()))
  }

  now(): number {
    if (this.time === 0) {
      this.time = this.clock.now()
      this.schedule()
    }
    return this.time
  }

  pumpLater(queue: Pumped): void {
    this.queues.push(queue)
    if (!this.scheduled) this.schedule()
  }

  /** Continues with the queue in the next turn. @param hadShare whether the queue could do something in this turn */
  pumpNextTurn(queue: Pumped, hadShare: boolean): void {
    if (hadShare) this.served.push(queue)
    else this.postponed.push(queue)
    if (!this.scheduled) this.schedule()
  }

  /** Pumps the queue again after a while: it waits until the disk can take the messages that it moves. */
  pumpWhenWritten(queue: Pumped): void {
    // Whoever publishes to the queue has it pumped too: one timer is enough.
    const hasTimer = this.behind.size > 0
    this.behind.add(queue)
    if (hasTimer) return
    this.clock.after(JOB_WAIT_MS, () => {
      this.queues = [...this.queues, ...this.behind]
      this.behind.clear()
      this.schedule()
    })
  }

  flushLater(output: Flushed): void {
    this.outputs.push(output)
    if (!this.scheduled) this.schedule()
  }

  confirmLater(channel: Confirming): void {
    this.confirming.push(channel)
    if (!this.scheduled) this.schedule()
  }

  /** Continues in the next turn with a reader that had a share of this one. */
  resumeLater(reader: Resumed): void {
    this.paused.push(reader)
    if (!this.scheduled) this.schedule()
  }

  /** Continues in the next turn, before the others, with a reader for which this turn had no time left. */
  resumeFirst(reader: Resumed): void {
    this.pausedFresh.push(reader)
    if (!this.scheduled) this.schedule()
  }

  /** Continues with a connection at that address that has not opened a vhost yet. */
  resumeStranger(reader: Resumed, address: string): void {
    this.pausedStrangers.push(address, reader)
    if (!this.scheduled) this.schedule()
  }

  handledStrangersInput(ms: number): void {
    this.strangersInput += ms
  }

  get isStrangersInputLate(): boolean {
    return this.strangersInput >= shareNow(STRANGERS_INPUT_MS_PER_TURN)
  }

  /** Adds to the time in which input was handled. */
  handledInput(ms: number): void {
    this.input += ms
  }

  /** @param under ms spent so far on the input being handled */
  isInputLate(under = 0): boolean {
    return this.input + under >= INPUT_MS_PER_TURN
  }

  schedule(): void {
    if (this.scheduled || this.within) return
    this.scheduled = true
    // A completed batch may have run this turn early while `runBound` is still deferred. It is not deferred a second
    // time: otherwise each batch would add a turn to every round of the event loop while there is work.
    if (this.deferred) return
    this.deferred = true
    this.clock.defer(this.runBound)
  }

  /** Whether clients must not be served now. */
  get isShut(): boolean {
    return this.gate !== undefined && !this.gate()
  }

  /** Lets woken queues deliver now, so that message counts are exact for the caller. */
  pumpNow(): void {
    if (this.isShut || this.queues.length === 0) return
    const began = this.beginPump()
    try {
      this.pumpRounds()
    } finally {
      this.endPump(began)
    }
  }

  /** Lets one queue deliver now; its time counts as for `pumpNow`. */
  pumpAlone(queue: Pumped): void {
    if (this.pumpsNone) return
    if (this.pumpUntil !== 0) {
      queue.pump()
      return
    }
    const began = this.beginPump()
    try {
      queue.pump()
    } finally {
      this.endPump(began)
    }
  }

  private beginPump(): number {
    const began = this.clock.elapsed()
    this.pumpUntil = began + Math.max(0, TURN_MS - this.pumped)
    return began
  }

  private endPump(began: number): void {
    this.pumpUntil = 0
    this.pumped += this.clock.elapsed() - began
  }

  /** Whether the time for deliveries, and for waking other queues, is used up in this turn. */
  get isLate(): boolean {
    return this.pumpUntil !== 0 && this.clock.elapsed() > this.pumpUntil
  }

  /** Whether so much time is used up that not even the first QUEUES_SERVED_AT_LEAST queues may continue. */
  private get isVeryLate(): boolean {
    return this.pumpUntil !== 0 && this.clock.elapsed() > this.pumpUntil + QUEUES_SERVED_MS_MORE
  }

  private pumpRounds(): void {
    for (let round = 0; this.queues.length > 0 && round < ROUNDS_MAX; round++) {
      if (round > 0 && this.isLate) return
      const queues = this.queues
      this.queues = []
      for (let i = 0; i < queues.length; i++) {
        const queue = queues[i] as Pumped
        try {
          queue.pump()
        } catch (error) {
          charge(queue, error)
        }
        if (i >= QUEUES_SERVED_AT_LEAST ? this.isLate : this.isVeryLate) {
          this.queues = [...queues.slice(i + 1), ...this.queues]
          return
        }
      }
    }
  }

  /** @param first executed before everything else; its requests are handled in this turn */
  run(first?: () => void): void {
    if (this.isShut) {
      first?.()
      this.scheduled = true
      return
    }
    this.scheduled = false
    this.within = true
    // Completed batches may run several turns in one round of the event loop: these share the time of one.
    const isNew = first === undefined
    if (isNew) this.pumped = this.input = this.strangersInput = 0
    try {
      first?.()
      this.begin(isNew)
    } finally {
      this.within = false
    }
    this.end()
    if (this.hasWork) this.schedule()
  }

  private get hasWork(): boolean {
    const waiting = this.queues.length + this.postponed.length + this.served.length
    return this.jobs.areDue || waiting + this.confirming.length + this.outputs.length > 0
  }

  private begin(isNew: boolean): void {
    this.number++
    if (this.postponed.length + this.served.length > 0) {
      // Queues that could not do anything come first.
      this.queues = [...this.postponed, ...this.queues, ...this.served]
      this.postponed = []
      this.served = []
    }
    this.jobs.run(isNew)
    this.pumpNow()
    const confirming = this.confirming
    if (confirming.length > 0) {
      this.confirming = []
      for (let i = 0; i < confirming.length; i++) {
        const channel = confirming[i] as Confirming
        try {
          channel.sendConfirms()
        } catch (error) {
          charge(channel, error)
        }
      }
    }
  }

  private end(): void {
    charged(this.owner, this.atEnd)
    this.flushOutputs()
    this.readOn()
    // Reset only here, so that a message with a TTL of 0 is delivered at the time at which it was published.
    this.time = 0
  }

  private flushOutputs(): void {
    const outputs = this.outputs
    if (outputs.length > 0) {
      this.outputs = []
      for (let i = 0; i < outputs.length; i++) {
        const output = outputs[i] as Flushed
        try {
          output.flush()
        } catch (error) {
          charge(output, error)
        }
      }
    }
  }

  /** Resumes the paused readers, whether or not they had a share of this turn; their input counts for the next one. */
  private readOn(): void {
    const [fresh, others] = [this.pausedFresh, this.paused]
    const count = fresh.length + others.length
    this.copiesShare = COPIES_PER_TURN / Math.max(1, count)
    if (count > 0) {
      this.pausedFresh = []
      this.paused = []
      const rest = this.resume(fresh)
      // Before those that were added meanwhile, or they would never be served.
      this.pausedFresh = [...rest, ...this.pausedFresh]
      this.paused = [...(rest.length > 0 ? others : this.resume(others)), ...this.paused]
    }
    this.readStrangersOn()
    if (this.paused.length + this.pausedFresh.length + this.pausedStrangers.size > 0) this.schedule()
  }

  /** Returns the readers for which no time is left. */
  private resume(readers: readonly Resumed[]): readonly Resumed[] {
    for (let i = 0; i < readers.length; i++) {
      if (this.isInputLate()) return readers.slice(i)
      resume(readers[i] as Resumed)
    }
    return []
  }

  private readStrangersOn(): void {
    for (let left = this.pausedStrangers.size; left > 0 && !this.isStrangersInputLate; left--)
      resume(this.pausedStrangers.shift() as Resumed)
  }
}

function resume(reader: Resumed): void {
  try {
    reader.resumeReading()
  } catch (error) {
    charge(reader, error)
  }
}
