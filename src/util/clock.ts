/** Time, injected so that tests can control it. */
import { charged, type Owner } from './owner.ts'
import { elapsed, now, soon, startTimer, stopTimer, type Timeout } from './timers.ts'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** ms since 1970. Jumps when the clock is set or the machine was suspended: for times of day, not for durations. */
  now(): number
  /** ms since an arbitrary moment; monotonic. */
  elapsed(): number
  after(ms: number, action: () => void): Timer
  /** Runs the action after the pending input has been handled. */
  defer(action: () => void): void
}

/** The longest delay that Node's timers support, in ms. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Exceptions from its timers are charged to no owner: use `clockOf` to get a clock with one. */
export const systemClock: Clock = {
  now,
  elapsed,
  after(ms, action) {
    let timer: Timeout
    const wait = (left: number): void => {
      const step = Math.min(left, TIMER_MS_MAX)
      timer = startTimer(() => (left > step ? wait(left - step) : action()), step)
    }
    wait(Math.max(0, ms))
    return { cancel: () => stopTimer(timer) }
  },
  defer: soon,
}

/** Maximum ms between two checks of the time of day. */
const LOOK_MS = 60_000

/**
 * Runs the action at a time of day. A single timer would not do: timers stand still while the machine is suspended, and
 * the clock may be set. After such a jump the action runs at most LOOK_MS late, and never early.
 *
 * @param time in ms since 1970
 */
export function atTime(clock: Pick<Clock, 'now' | 'after'>, time: number, action: () => void): Timer {
  let timer: Timer
  const wait = (): void => {
    timer = clock.after(Math.min(Math.max(0, time - clock.now()), LOOK_MS), () => {
      if (clock.now() >= time) action()
      else wait()
    })
  }
  wait()
  return { cancel: () => timer.cancel() }
}

/** One timer for the soonest of several times of day. */
export class SoonestTimer {
  private readonly clock: Pick<Clock, 'now' | 'after'>
  private readonly action: () => void
  private timer: Timer | undefined
  private time = 0

  /** @param action runs once at the soonest time, and sets the timer to the next one if there is one */
  constructor(clock: Pick<Clock, 'now' | 'after'>, action: () => void) {
    this.clock = clock
    this.action = action
  }

  /** @param time in ms since 1970; no effect if the timer is set to a sooner time */
  set(time: number): void {
    if (this.timer !== undefined) {
      if (this.time <= time) return
      this.timer.cancel()
    }
    this.time = time
    this.timer = atTime(this.clock, time, () => {
      this.timer = undefined
      this.action()
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
  }
}

/** Resolves after that time. */
export function pauseOn(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}

/** The same clock for one owner, which is charged with exceptions from its timers. */
export function clockOf(owner: Owner, clock: Clock): Clock {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    after: (ms, action) => clock.after(ms, () => charged(owner, action)),
    defer: (action) => clock.defer(() => charged(owner, action)),
  }
}
