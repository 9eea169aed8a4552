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
import { Jobs } from './jobs.ts'

/**
 * Maximum number of rounds per turn, since dead lettering can wake further queues; the rest continues in the next turn.
 */
const ROUNDS_MAX = 1000

/** ms that input of connections that have not opened a vhost yet is handled in one turn, that of all together. */
export const STRANGERS_INPUT_MS_PER_TURN = 10

/** A failure is charged to its owner alone; the others are served. */
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
  /** Copies of messages that a connection may publish in this turn: more if fewer connections are busy. */
  copiesShare = COPIES_PER_TURN
  readonly jobs: Jobs
  readonly clock: Clock
  /** Memory or disk is low. */
  inAlarm: () => boolean = () => false
  /** The same, or much is on its way to the disk: what copies much waits. */
  isFull: () => boolean = () => false
  /** Much is on its way to the disk: what the broker moves by itself waits, as those who publish do. */
  isBehind: () => boolean = () => false
  /** The disk has refused what came last. */
  diskFails: () => boolean = () => false
  /** The broker is about to be closed. */
  isEnding = false
  private queues: Pumped[] = []
  /** Queues for the next turn: those that could do nothing in this one, and those that had a share. */
  private postponed: Pumped[] = []
  private served: Pumped[] = []
  /** Those that wait for what is on its way to the disk. */
  private readonly behind = new Set<Pumped>()
  /** End of the time that all queues share for work that wakes other queues; 0 outside `pumpNow`. */
  private pumpUntil = 0
  /** Time they have used in this turn, in ms. */
  private pumped = 0
  private outputs: Flushed[] = []
  private confirming: Confirming[] = []
  private paused: Resumed[] = []
  /** Those that have had nothing of the turn: they are first. */
  private pausedFresh: Resumed[] = []
  /** Those that have not opened a vhost yet, by their addresses: however many they are, the others do not wait for them. */
  private readonly pausedStrangers = new FairQueue<Resumed>()
  /** ms that input was handled in this turn. */
  private input = 0
  /** The same for input of strangers. */
  private strangersInput = 0
  private scheduled = false
  /** `runBound` is among the actions that the clock holds for the next round of the event loop. */
  private deferred = false
  /** What is asked for now is done in the turn that goes on or is about to begin: it needs no other one. */
  private within = false
  /**
   * Whether clients may be served now; undefined = always. While it returns false, nothing is delivered, and turns wait
   * for a call of `run`.
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
    this.owner = owner
    this.atEnd = atEnd
  }

  /**
   * What waits for the end of an alarm, or for a disk that takes nothing, would have the process wait for it too, which
   * nothing may bring about any more.
   */
  givesUp(): boolean {
    return this.isEnding && (this.inAlarm() || this.diskFails())
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

  /** The queue had its share of this turn, or could have none, and continues in the next. */
  pumpNextTurn(queue: Pumped, hadShare: boolean): void {
    if (hadShare) this.served.push(queue)
    else this.postponed.push(queue)
    if (!this.scheduled) this.schedule()
  }

  /** The queue looks again whether the disk can take what it moves. */
  pumpWhenWritten(queue: Pumped): void {
    this.behind.add(queue)
    if (this.behind.size > 1) return
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

  /** The reader had its share of this turn. */
  resumeLater(reader: Resumed): void {
    this.paused.push(reader)
    if (!this.scheduled) this.schedule()
  }

  /** The others have used up the turn. */
  resumeFirst(reader: Resumed): void {
    this.pausedFresh.push(reader)
    if (!this.scheduled) this.schedule()
  }

  /** A stranger at that address waits for its share. */
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

  /** Counts time in which input was handled. */
  handledInput(ms: number): void {
    this.input += ms
  }

  /** @param under ms of handling that goes on */
  isInputLate(under = 0): boolean {
    return this.input + under >= INPUT_MS_PER_TURN
  }

  schedule(): void {
    if (this.scheduled || this.within) return
    this.scheduled = true
    // A batch that has come to the disk may have run this turn early: its own time is still to come, and there is no
    // second one beside it, or else each batch would add a turn to every round while there is work.
    if (this.deferred) return
    this.deferred = true
    this.clock.defer(this.runBound)
  }

  /** Clients must not be served now. */
  get isShut(): boolean {
    return this.gate !== undefined && !this.gate()
  }

  /** Lets woken queues deliver now, so that counts are exact for what follows. */
  pumpNow(): void {
    if (this.isShut || this.queues.length === 0) return
    const began = this.beginPump()
    try {
      this.pumpRounds()
    } finally {
      this.endPump(began)
    }
  }

  /** Lets one queue deliver now, within the same time. */
  pumpAlone(queue: Pumped): void {
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

  /** The time for deliveries, and for what wakes other queues, is used up in this turn. */
  get isLate(): boolean {
    return this.pumpUntil !== 0 && this.clock.elapsed() > this.pumpUntil
  }

  /** So much that not even the queues that are otherwise served in any case can be. */
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

  /** @param first is done before anything else, and what it asks for in this turn */
  run(first?: () => void): void {
    if (this.isShut) {
      first?.()
      this.scheduled = true
      return
    }
    this.scheduled = false
    this.within = true
    // Batches that have come to the disk may run several times in one round of the event loop: they share its time.
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
      // Those that could do nothing are first.
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
    // Not earlier: a message with a TTL of 0 is delivered at the time at which it was published.
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

  /** Those that have had their share of the turn, or none; what they bring is for the next one. */
  private readOn(): void {
    const [fresh, others] = [this.pausedFresh, this.paused]
    const count = fresh.length + others.length
    this.copiesShare = COPIES_PER_TURN / Math.max(1, count)
    if (count > 0) {
      this.pausedFresh = []
      this.paused = []
      const rest = this.resume(fresh)
      // In front of those that come meanwhile, or else they would never have their turn.
      this.pausedFresh = [...rest, ...this.pausedFresh]
      this.paused = [...(rest.length > 0 ? others : this.resume(others)), ...this.paused]
    }
    this.readStrangersOn()
    if (this.paused.length + this.pausedFresh.length + this.pausedStrangers.size > 0) this.schedule()
  }

  /** Returns those for which there is no time. */
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
