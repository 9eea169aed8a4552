/**
 * Regular expressions from outside: of permissions, policies and requests. Unanchored and in PCRE's syntax, as RabbitMQ
 * reads them. The only place where they are decided: none of them can hold up the process (`pattern/run.ts`).
 */

import { PATTERN_STEPS_MAX, PATTERN_STEPS_PER_REQUEST_MAX, PATTERN_STEPS_PER_TURN } from '../limits.ts'
import { compilePattern, type Program } from './pattern/compile.ts'
import { parsePattern } from './pattern/parse.ts'
import { runPattern } from './pattern/run.ts'
import { nextTurn } from './timers.ts'

/** What it takes to begin with a name, in steps. */
export const NAME_STEPS = 100
const encoder = new TextEncoder()
const scratch = new Uint8Array(1024)

export class Pattern {
  readonly source: string
  private readonly program: Program
  /** What the last answer took. */
  steps = 0

  /** @throws SyntaxError that says what is wrong, or not supported, and where */
  constructor(source: string) {
    this.source = source
    this.program = compilePattern(parsePattern(source))
  }

  /** undefined where that is not decided within so many steps; the same text always gets the same answer. */
  decide(text: string, stepsMax = PATTERN_STEPS_MAX): boolean | undefined {
    const fits = text.length * 3 <= scratch.length
    const octets = fits ? scratch : encoder.encode(text)
    const length = fits ? encoder.encodeInto(text, scratch).written : octets.length
    const { matches, steps } = runPattern(this.program, octets, length, stepsMax)
    this.steps = steps
    return matches
  }

  /** False also where it is not decided. */
  matches(text: string): boolean {
    return this.decide(text) === true
  }
}

/** What is wrong with a regular expression; undefined where nothing is. */
export function patternError(source: string): SyntaxError | undefined {
  try {
    new Pattern(source)
    return undefined
  } catch (error) {
    return error as SyntaxError
  }
}

/** A regular expression takes too many steps over the names that there are. */
export class PatternTooSlow extends Error {
  constructor(pattern: Pattern) {
    super(`regular expression takes too long: ${pattern.source}`)
  }
}

/** Whether the name matches, of the steps that are left. @throws PatternTooSlow */
export class StepsLeft {
  private left = PATTERN_STEPS_PER_REQUEST_MAX

  decide(pattern: Pattern, name: string): boolean {
    const matches = pattern.decide(name, Math.min(this.left, PATTERN_STEPS_MAX))
    this.left -= pattern.steps
    if (matches === undefined) throw new PatternTooSlow(pattern)
    return matches
  }
}

/** One at a time: however many ask, a turn holds the steps of one. */
let choosing: Promise<unknown> = Promise.resolve()

/** Those whose names match, found bit by bit. @throws PatternTooSlow */
export function namesThatMatch<T>(
  pattern: Pattern,
  items: readonly T[],
  name: (item: T) => string,
): Promise<T[]> {
  const chosen = choosing.then(() => choose(pattern, items, name))
  choosing = chosen.catch(() => {})
  return chosen
}

async function choose<T>(pattern: Pattern, items: readonly T[], name: (item: T) => string): Promise<T[]> {
  const left = new StepsLeft()
  const out: T[] = []
  let steps = 0
  for (const item of items) {
    if (left.decide(pattern, name(item))) out.push(item)
    // Even where it takes one step, a name has to be looked at.
    steps += pattern.steps + NAME_STEPS
    if (steps < PATTERN_STEPS_PER_TURN) continue
    steps = 0
    await nextTurn()
  }
  return out
}
