/**
 * Memory and disk alarms (behaviour.md section 17): while one is in effect, connections that publish are not read;
 * consumers continue. The resources are checked periodically, and before operations that need a lot of them.
 */
import { DISK_FREE_MIN, DISK_LOW_BYTES } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'

export interface Resources {
  /** Octets that the process uses. */
  memoryUsed(): number
  /** Frees unused memory at once, which takes a while. */
  freeMemory?(): void
  /** Octets free on the disk of the data folder; undefined if there is no disk. */
  diskFree(): number | undefined
  /** Octets on the disk that the store already occupies but can reuse; only called if little else is free. */
  reusable?(): number
}

export interface AlarmLimits {
  /** Octets of memory at which the alarm sets in; Infinity = never. */
  memory: number
  /** Octets of free disk space below which the alarm sets in; 0 = only below DISK_FREE_MIN. */
  diskFree: number
}

const CHECK_MS = 1000
/** Interval if memory is limited: a flood of publishes can fill a good part of it within a second. */
const MEMORY_CHECK_MS = 100
/** Initial and maximum pause between attempts to free memory while the alarm lasts. */
const FREE_MS = 1_000
const FREE_MS_MAX = 30_000

export class Alarms {
  readonly limits: AlarmLimits
  memory = false
  disk = false
  /** Whether free disk space is only DISK_LOW_BYTES above the limit, or less. */
  diskIsLow = false
  memoryUsed = 0
  diskFree: number | undefined
  private readonly resources: Resources
  private readonly clock: Clock
  private readonly listeners: (() => void)[] = []
  private timer: Timer | undefined
  /** In ms as returned by `elapsed`. */
  private diskLookedAt = 0
  private freeAt = 0
  private freePause = FREE_MS

  constructor(limits: AlarmLimits, resources: Resources, clock: Clock) {
    this.limits = limits
    this.resources = resources
    this.clock = clock
  }

  get active(): boolean {
    return this.memory || this.disk
  }

  /** The reason as sent to clients in connection.blocked. */
  get reason(): string {
    return `low on ${[...(this.memory ? ['memory'] : []), ...(this.disk ? ['disk'] : [])].join(' & ')}`
  }

  /** Calls the listener whenever an alarm sets in or ends. */
  onChange(listener: () => void): void {
    this.listeners.push(listener)
  }

  start(): void {
    this.check()
    this.later()
  }

  private later(): void {
    const ms = Number.isFinite(this.limits.memory) ? MEMORY_CHECK_MS : CHECK_MS
    this.timer = this.clock.after(ms, () => {
      // Scheduled first: if the check throws an error, it is repeated nevertheless.
      this.later()
      this.look(this.clock.elapsed() - this.diskLookedAt >= CHECK_MS)
    })
  }

  check(): void {
    this.look(true)
  }

  /** Called when data was written to the disk. */
  written(): void {
    if (this.diskIsLow) this.look(true)
  }

  private look(atDisk: boolean): void {
    this.memoryUsed = this.resources.memoryUsed()
    if (this.memoryUsed >= this.limits.memory && this.memory) this.free()
    if (atDisk) {
      this.diskFree = this.resources.diskFree()
      this.diskLookedAt = this.clock.elapsed()
    }
    const memory = this.memoryUsed >= this.limits.memory
    const disk = this.diskFree !== undefined && this.diskIsFull(this.diskFree)
    if (memory === this.memory && disk === this.disk) return
    this.freePause = FREE_MS
    this.freeAt = Math.min(this.freeAt, this.clock.elapsed() + FREE_MS)
    this.memory = memory
    this.disk = disk
    for (const listener of this.listeners) listener()
  }

  /** Space within the store's file counts as free, since the file does not shrink when messages are removed. */
  private diskIsFull(free: number): boolean {
    const limit = Math.max(this.limits.diskFree, DISK_FREE_MIN)
    this.diskIsLow = free < limit + DISK_LOW_BYTES
    return free < limit && free + (this.resources.reusable?.() ?? 0) < limit
  }

  /**
   * Frees memory during an alarm: while publishers are blocked there may be so little work that garbage is not
   * collected, which would prolong the alarm.
   */
  private free(): void {
    const now = this.clock.elapsed()
    if (now < this.freeAt || this.resources.freeMemory === undefined) return
    this.freeAt = now + this.freePause
    this.freePause = Math.min(2 * this.freePause, FREE_MS_MAX)
    this.resources.freeMemory()
    this.memoryUsed = this.resources.memoryUsed()
  }

  stop(): void {
    this.timer?.cancel()
  }
}
