/**
 * Memory and disk alarms (behaviour.md section 17): while one is on, connections that publish are not read any more;
 * consumers go on. Resources are asked for once in a while, and by whoever is about to use much.
 */
import { DISK_FREE_MIN, DISK_LOW_BYTES } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'

export interface Resources {
  /** Octets that the process uses. */
  memoryUsed(): number
  /** Makes memory that nobody uses free at once, which takes a while. */
  freeMemory?(): void
  /** Octets free where the data is; undefined where there is no disk. */
  diskFree(): number | undefined
  /** Octets on the disk that are ours already and free to be used; asked for only where little else is free. */
  reusable?(): number
}

export interface AlarmLimits {
  /** Octets of memory from which on the alarm is on; Infinity = never. */
  memory: number
  /** Octets of free disk below which the alarm is on; 0 = never. */
  diskFree: number
}

const CHECK_MS = 1000
/** Where memory is limited: a flood of publishes takes a good part of it within a second. */
const MEMORY_CHECK_MS = 100
/** Between attempts to free memory while the alarm stays on: the first and the longest pause. */
const FREE_MS = 1_000
const FREE_MS_MAX = 30_000

export class Alarms {
  readonly limits: AlarmLimits
  memory = false
  disk = false
  /** Not much is left until the disk's alarm. */
  diskIsLow = false
  memoryUsed = 0
  diskFree: number | undefined
  private readonly resources: Resources
  private readonly clock: Clock
  private readonly listeners: (() => void)[] = []
  private timer: Timer | undefined
  /** In ms of `elapsed`. */
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

  /** As clients are told. */
  get reason(): string {
    return `low on ${[...(this.memory ? ['memory'] : []), ...(this.disk ? ['disk'] : [])].join(' & ')}`
  }

  /** Called whenever an alarm goes on or off. */
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
      // A look that fails is not the last one.
      this.later()
      this.look(this.clock.elapsed() - this.diskLookedAt >= CHECK_MS)
    })
  }

  check(): void {
    this.look(true)
  }

  /** Something has gone to the disk. */
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

  /** The file of the store does not shrink when messages leave: what is free in it counts. */
  private diskIsFull(free: number): boolean {
    const limit = Math.max(this.limits.diskFree, DISK_FREE_MIN)
    this.diskIsLow = free < limit + DISK_LOW_BYTES
    return free < limit && free + (this.resources.reusable?.() ?? 0) < limit
  }

  /** While publishers wait there may be little work, and garbage would lie there and keep the alarm on. */
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
