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
 * The part of such a time that remains while connections are being accepted. libuv accepts one connection in each turn:
 * if the turns were full, a thousand clients that only connect would wait for half a minute, and so would every client
 * behind them.
 */
const SHARE_WHILE_ACCEPTING = 1 / 10

/** Number of turns, the current one included, in which a connection counts as just accepted: others may be waiting. */
let accepting = 0

/** Called when a server has accepted a connection. */
export function noteAccepted(): void {
  if (accepting === 0) soon(turnIsOver)
  accepting = 2
}

function turnIsOver(): void {
  if (--accepting > 0) soon(turnIsOver)
}

/** Whether connections are being accepted: others may be waiting for it. */
export function isAccepting(): boolean {
  return accepting > 0
}

/** The part of `ms` that work may take in this turn: less while connections are being accepted. */
export function shareNow(ms: number): number {
  return accepting > 0 ? ms * SHARE_WHILE_ACCEPTING : ms
}

/** The time that work of one kind may take in a turn of the event loop, from its first piece on. */
export class ShareOfTurn {
  private readonly ms: number
  private began: number | undefined

  constructor(ms: number) {
    this.ms = ms
  }

  /** Whether there is time for another piece. Called before each piece; true for the first one of a turn. */
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
 * @param address on whose behalf it is called: addresses take turns
 */
export function nextTurn(address = ''): Promise<void> {
  return new Promise((resolve) => whenThereIsTime(resolve, address))
}

/** Like `nextTurn`, but with a callback. Callers of one address are served in order, however often others call. */
export function whenThereIsTime(action: () => void, address = ''): void {
  waiting.push(address, { action })
  soon(goOn)
}

/** Runs one waiting action if there is time; called once for each. */
function goOn(): void {
  if (!resumed.hasTime()) soon(goOn)
  // The action is complete before the time is checked for the next one.
  else waiting.shift()?.action()
}

/** Resolves after that time; rejects if the signal is aborted first. */
export function pause(ms: number, options: { ref?: boolean; signal?: AbortSignal } = {}): Promise<void> {
  return wait(ms, undefined, options)
}

/** Whether a function is genuine: fakes are implemented in JavaScript. */
function isNative(f: unknown): boolean {
  return Function.prototype.toString.call(f).includes('[native code]')
}

/** ms since 1970. If Date was already a fake, a fresh context provides a genuine one. */
export const now: () => number = isNative(Date) ? Date.now : (runInNewContext('Date.now') as () => number)

const monotonic = performanceOfNode.now
/** ms since the process started; monotonic. */
export const elapsed = (): number => monotonic.call(performanceOfNode)
