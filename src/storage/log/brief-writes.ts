/**
 * Decides whether the event loop writes a record itself instead of leaving it to a thread. This saves two thread
 * switches, which take about as long as a fast disk, but blocks everything else meanwhile. So it is done only if the
 * record is small, the disk has been fast, few clients would be delayed and the event loop has time to spare.
 */
import { performance } from 'node:perf_hooks'
import { elapsed } from '../../util/timers.ts'

/** Maximum octets of a record; larger ones take the disk longer. */
const BYTES_MAX = 16 * 1024
/**
 * ms of a write from which on the disk counts as slow: writes are left to threads for a while, and then until one of
 * them was not slow. A disk that takes seconds for each write thus blocks the event loop once, not again and again.
 */
const SLOW_MS = 5
/** Duration of that while in ms: doubled by each slow write, reduced by each other write of the event loop. */
const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 1_000
const PAUSE_DECAY = 0.5
/** Its minimum, measured in durations of the slow write: a tenth of the time at most is spent on slow writes. */
const PAUSE_PER_MS = 10
/** Minimum share of the time that the event loop must be idle. */
const IDLE_SHARE = 0.05
/** ms over which that share is measured. */
const SAMPLE_MS = 20

export interface Surroundings {
  /** The time in ms, of any clock. */
  now(): number
  /** Total ms that the event loop has been idle. */
  idle(): number
  /** Whether few clients are active at the moment. */
  areFew(): boolean
}

export class BriefWrites {
  private readonly around: Surroundings
  private pause = PAUSE_MS_MIN
  /** Until when writes are left to threads; undefined if the disk was fast last. */
  private slowUntil: number | undefined
  private sampledAt: number
  private sampledIdle: number
  private idleShare = 0

  constructor(around: Surroundings) {
    this.around = around
    this.sampledAt = around.now()
    this.sampledIdle = around.idle()
  }

  allowed(bytes: number): boolean {
    if (bytes > BYTES_MAX) return false
    const now = this.around.now()
    this.sample(now)
    return this.slowUntil === undefined && this.idleShare >= IDLE_SHARE && this.around.areFew()
  }

  private sample(now: number): void {
    const ms = now - this.sampledAt
    if (ms < SAMPLE_MS) return
    const idle = this.around.idle()
    this.idleShare = (idle - this.sampledIdle) / ms
    this.sampledAt = now
    this.sampledIdle = idle
  }

  /** Called when the event loop has taken that many ms to write a record. */
  took(ms: number): void {
    if (ms < SLOW_MS) {
      this.pause = Math.max(PAUSE_MS_MIN, this.pause * PAUSE_DECAY)
      return
    }
    this.slow(ms)
  }

  /** Called when a thread has taken that many ms to write a record. */
  threadTook(bytes: number, ms: number): void {
    if (this.slowUntil === undefined || bytes > BYTES_MAX || this.around.now() - ms < this.slowUntil) return
    if (ms < SLOW_MS) this.slowUntil = undefined
    else this.slow(ms)
  }

  private slow(ms: number): void {
    this.slowUntil = this.around.now() + Math.max(this.pause, ms * PAUSE_PER_MS)
    this.pause = Math.min(PAUSE_MS_MAX, this.pause * 2)
  }
}

/** @param areFew whether few clients are active at that time, in ms of `elapsed` */
export function processSurroundings(areFew: (now: number) => boolean): Surroundings {
  return {
    now: elapsed,
    idle: () => performance.eventLoopUtilization().idle,
    areFew: () => areFew(elapsed()),
  }
}
