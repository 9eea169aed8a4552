/**
 * Regular expressions from outside: those of permissions, policies and requests. They are unanchored and in PCRE's
 * syntax, as in RabbitMQ. All of them are matched here, and none can block the process (`pattern/run.ts`).
 */

import { compilePattern, type Program } from './pattern/compile.ts'
import { parsePattern } from './pattern/parse.ts'
import {
  PATTERN_STEPS_MAX,
  PATTERN_STEPS_PER_REQUEST_MAX,
  PATTERN_STEPS_PER_TURN,
} from './pattern/pattern-limits.ts'
import { runPattern } from './pattern/run.ts'
import { nextTurn } from './timers.ts'

/** The overhead of matching one name, in steps. */
export const NAME_STEPS = 100
const encoder = new TextEncoder()
const scratch = new Uint8Array(1024)

/** The name whose octets are in `scratch`, and their number: one name is often matched against very many patterns. */
let [scratched, scratchedLength] = ['', 0]

function inScratch(text: string): number {
  if (text === scratched) return scratchedLength
  scratchedLength = encoder.encodeInto(text, scratch).written
  scratched = text
  return scratchedLength
}

export class Pattern {
  readonly source: string
  private readonly program: Program
  /** Steps taken by the last match. */
  steps = 0

  /** @throws SyntaxError that says what is invalid or unsupported, and where */
  constructor(source: string) {
    this.source = source
    this.program = compilePattern(parsePattern(source))
  }

  /**
   * Whether the text matches; undefined if that is not decided within that many steps, which depends on the text only.
   */
  decide(text: string, stepsMax = PATTERN_STEPS_MAX): boolean | undefined {
    const fits = text.length * 3 <= scratch.length
    const octets = fits ? scratch : encoder.encode(text)
    const length = fits ? inScratch(text) : octets.length
    const { matches, steps } = runPattern(this.program, octets, length, stepsMax)
    this.steps = steps
    return matches
  }

  /** Like `decide`, but false if it is not decided. */
  matches(text: string): boolean {
    return this.decide(text) === true
  }
}

/** Why a regular expression is invalid; undefined if it is valid. */
export function patternError(source: string): SyntaxError | undefined {
  try {
    new Pattern(source)
    return undefined
  } catch (error) {
    return error as SyntaxError
  }
}

/** A regular expression takes too many steps for the existing names. */
export class PatternTooSlow extends Error {
  constructor(pattern: Pattern) {
    super(`regular expression takes too long: ${pattern.source}`)
  }
}

/** The steps that one request may still take to match names. @throws PatternTooSlow */
export class StepsLeft {
  private left = PATTERN_STEPS_PER_REQUEST_MAX

  decide(pattern: Pattern, name: string): boolean {
    const matches = pattern.decide(name, Math.min(this.left, PATTERN_STEPS_MAX))
    this.left -= pattern.steps
    if (matches === undefined) throw new PatternTooSlow(pattern)
    return matches
  }
}

/** Requests are handled one at a time, so that a turn of the event loop runs the steps of only one. */
let choosing: Promise<unknown> = Promise.resolve()

/** The items whose names match, computed in slices. @throws PatternTooSlow */
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
    // A name costs the overhead even if matching it takes a single step.
    steps += pattern.steps + NAME_STEPS
    if (steps < PATTERN_STEPS_PER_TURN) continue
    steps = 0
    await nextTurn()
  }
  return out
}
