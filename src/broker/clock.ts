/** Time, injected so that tests decide how it passes. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** ms since 1970 */
  now(): number
  after(ms: number, action: () => void): Timer
  /** Runs the action once the input that is waiting now has been handled. */
  defer(action: () => void): void
}

/** The longest delay that Node's timers take, in ms. */
const TIMER_MS_MAX = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, action) {
    let timer: NodeJS.Timeout
    const wait = (left: number): void => {
      const step = Math.min(left, TIMER_MS_MAX)
      timer = setTimeout(() => (left > step ? wait(left - step) : action()), step)
    }
    wait(Math.max(0, ms))
    return { cancel: () => clearTimeout(timer) }
  },
  defer: (action) => void setImmediate(action),
}
