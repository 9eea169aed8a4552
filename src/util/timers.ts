/**
 * The system's time and timers. Tests of programs that embed the broker replace the global timers, and sometimes those
 * of the modules, by fakes: the originals are captured here when the module is loaded, so the broker keeps running. No
 * other code of the broker uses the global ones; test/tidy.test.ts enforces that.
 */
import { performance as performanceOfNode } from 'node:perf_hooks'
import * as timers from 'node:timers'
import * as promises from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import { FairQueue } from './fair-queue.ts'

const { setTimeout: startTimeout, clearTimeout: stopTimeout, setImmediate: startImmediate } = timers
const { setTimeout: wait } = promises

export type Timeout = ReturnType<typeof startTimeout>

/** @param ms up to 2^31 - 1, the limit of Node's own timers */
export function startTimer(action: () => void, ms: number): Timeout {
  return startTimeout(action, ms)
}

export function stopTimer(timer: Timeout | undefined): void {
  stopTimeout(timer)
}

/** Runs the action after the pending input. */
export function soon(action: () => void): void {
  startImmediate(action)
}

/** ms of a turn of the event loop that all waiting callers share. */
const TURN_MS = 20

/**
 * The part of such a time that remains while connections are accepted. libuv accepts one in each turn: behind full turns
 * a thousand clients would wait for half a minute, and so would whoever comes after a thousand that only want that.
 */
const SHARE_WHILE_ACCEPTING = 1 / 10

/** Turns, the current one included, for which it counts that a connection has been accepted: others may be waiting. */
let accepting = 0

/** A server has accepted a connection. */
export function noteAccepted(): void {
  if (accepting === 0) soon(turnIsOver)
  accepting = 2
}

function turnIsOver(): void {
  if (--accepting > 0) soon(turnIsOver)
}

/** ms of so many that work of strangers has in this turn. */
export function shareNow(ms: number): number {
  return accepting > 0 ? ms * SHARE_WHILE_ACCEPTING : ms
}

/** The time that work of one kind has in a turn of the event loop, from the first piece of it on. */
export class ShareOfTurn {
  private readonly ms: number
  private began: number | undefined

  constructor(ms: number) {
    this.ms = ms
  }

  /** Asked before each piece: there is time for the first one of a turn. */
  hasTime(): boolean {
    const now = elapsed()
    if (this.began === undefined) {
      this.began = now
      soon(() => {
        this.began = undefined
      })
    }
    return now - this.began < shareNow(this.ms)
  }
}

const resumed = new ShareOfTurn(TURN_MS)

const waiting = new FairQueue<{ readonly action: () => void }>()

/**
 * Resolves after the pending input; with very many callers, only as many per turn as time permits.
 * @param address for which it is: they take turns
 */
export function nextTurn(address = ''): Promise<void> {
  return new Promise((resolve) => whenThereIsTime(resolve, address))
}

/** The same with a callback instead of a promise. Who came first is first: others may come again and again. */
export function whenThereIsTime(action: () => void, address = ''): void {
  waiting.push(address, { action })
  soon(goOn)
}

/** Called once for each that waits. */
function goOn(): void {
  if (!resumed.hasTime()) soon(goOn)
  // The action is complete before the time is checked for the next one.
  else waiting.shift()?.action()
}

/** Rejects if the signal is aborted first. */
export function pause(ms: number, options: { ref?: boolean; signal?: AbortSignal } = {}): Promise<void> {
  return wait(ms, undefined, options)
}

/** A fake is implemented in JavaScript. */
function isNative(f: unknown): boolean {
  return Function.prototype.toString.call(f).includes('[native code]')
}

/** ms since 1970. If Date was already a fake, a fresh context provides a genuine one. */
export const now: () => number = isNative(Date) ? Date.now : (runInNewContext('Date.now') as () => number)

const monotonic = performanceOfNode.now
/** ms since the process started; monotonic. */
export const elapsed = (): number => monotonic.call(performanceOfNode)
