/**
 * Time as the system has it. Tests of programs that embed the broker put fake timers in the place of the global ones, and
 * sometimes in that of the modules' too: what is here was taken when the module was loaded, so the broker goes on.
 * Nothing else in the broker asks the globals for time; test/tidy.test.ts sees to it.
 */
import { performance as performanceOfNode } from 'node:perf_hooks'
import * as timers from 'node:timers'
import * as promises from 'node:timers/promises'
import { runInNewContext } from 'node:vm'

const { setTimeout: startTimeout, clearTimeout: stopTimeout, setImmediate: startImmediate } = timers
const { setTimeout: wait } = promises

export type Timeout = ReturnType<typeof startTimeout>

/** @param ms as Node's own timers take it: up to 2^31 - 1 */
export function startTimer(action: () => void, ms: number): Timeout {
  return startTimeout(action, ms)
}

export function stopTimer(timer: Timeout | undefined): void {
  stopTimeout(timer)
}

/** Behind the input that is waiting now. */
export function soon(action: () => void): void {
  startImmediate(action)
}

/** ms of a turn of the event loop that all together have who wait for it. */
const TURN_MS = 20

/** When the first of them went on in this turn. */
let began: number | undefined

/** Resolves behind the input that is waiting now; of very many, as many in a turn as there is time for. */
export function nextTurn(): Promise<void> {
  return new Promise(whenThereIsTime)
}

/** The same, for whoever does not await it. */
export function whenThereIsTime(action: () => void): void {
  soon(() => goOn(action))
}

function goOn(action: () => void): void {
  if (began === undefined) {
    began = elapsed()
    soon(() => {
      began = undefined
    })
  } else if (elapsed() - began >= TURN_MS) {
    soon(() => goOn(action))
    return
  }
  // What is done behind it is over before the next one's is asked for.
  action()
}

/** Rejects where the signal says so first. */
export function pause(ms: number, options: { ref?: boolean; signal?: AbortSignal } = {}): Promise<void> {
  return wait(ms, undefined, options)
}

/** A fake is written in JavaScript. */
function isNative(f: unknown): boolean {
  return Function.prototype.toString.call(f).includes('[native code]')
}

/** ms since 1970. Where Date was a fake already there is another one in a context of its own. */
export const now: () => number = isNative(Date) ? Date.now : (runInNewContext('Date.now') as () => number)

const monotonic = performanceOfNode.now
/** ms since the process began; never runs backwards. */
export const elapsed = (): number => monotonic.call(performanceOfNode)
