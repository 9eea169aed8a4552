/**
 * Regular expressions from outside: of permissions, policies and requests. Unanchored and in PCRE's syntax, as RabbitMQ
 * reads them. The only place where they are decided: none of them can hold up the process (`pattern/run.ts`).
 */
import { PATTERN_STEPS_MAX } from '../limits.ts'
import { compilePattern, type Program } from './pattern/compile.ts'
import { parsePattern } from './pattern/parse.ts'
import { runPattern } from './pattern/run.ts'

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
