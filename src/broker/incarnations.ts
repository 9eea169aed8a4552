/**
 * Distinguishes an exchange or queue from an earlier one of the same name whose bindings are still being removed: should
 * the process end before that is done, the next start must not give them to the new one. Its record and those of its
 * bindings carry a number then; hardly any object ever needs one.
 */
import { type Destination, isExchange } from './exchange/exchange.ts'

const numbers = new WeakMap<Destination, number>()
/** Whether there was ever a number: a start looks for those of very many bindings. */
let areSome = false

/** 0 for an object that needs no number. */
export function incarnationOf(d: Destination): number {
  return areSome ? (numbers.get(d) ?? 0) : 0
}

export function setIncarnation(d: Destination, incarnation = 0): void {
  if (incarnation === 0) return
  areSome = true
  numbers.set(d, incarnation)
}

function keyOf(d: Destination): string {
  return `${isExchange(d) ? 'exchange' : 'queue'} ${d.name}`
}

/** Of one vhost. */
export class Incarnations {
  /** Names of objects whose bindings are being removed, with the highest number among those of the name. */
  private readonly leaving = new Map<string, { removals: number; last: number }>()

  /** Called for a new object. */
  begins(d: Destination): void {
    const before = this.leaving.get(keyOf(d))
    if (before !== undefined) setIncarnation(d, ++before.last)
  }

  /** Called when the object is deleted. */
  leaves(d: Destination): void {
    const key = keyOf(d)
    const found = this.leaving.get(key) ?? { removals: 0, last: 0 }
    found.removals++
    found.last = Math.max(found.last, incarnationOf(d))
    this.leaving.set(key, found)
  }

  /** Called when all its bindings are removed. */
  left(d: Destination): void {
    const key = keyOf(d)
    const found = this.leaving.get(key)
    if (found !== undefined && --found.removals === 0) this.leaving.delete(key)
  }
}
