/**
 * Regular expressions that users write: for permissions and policies. Unanchored, as RabbitMQ reads them. None of them
 * can hang the process: what could take more than a moment runs under a time limit, and counts as no match beyond it.
 */
import { createContext, Script } from 'node:vm'

const MATCH_MS_MAX = 20
/** Time-outs after which a pattern is not tried any more. */
const TIMEOUTS_MAX = 3
/** Answers kept a pattern. */
const MEMO_MAX = 1000

const context = createContext({ expression: /^/, text: '' }) as { expression: RegExp; text: string }
const test = new Script('expression.test(text)')

/** At most one repetition and no groups: time grows no faster than the square of the text. */
function isPlain(pattern: string): boolean {
  return !/[()]/.test(pattern) && !/\\\d/.test(pattern) && (pattern.match(/[*+{]/g) ?? []).length <= 1
}

/** What PCRE writes differently. */
function translate(pattern: string): RegExp {
  const insensitive = pattern.startsWith('(?i)')
  const source = (insensitive ? pattern.slice(4) : pattern).replace(/\\A/g, '^').replace(/\\[zZ]/g, '$')
  return new RegExp(source, insensitive ? 'i' : '')
}

export class Pattern {
  readonly source: string
  private readonly expression: RegExp
  private readonly plain: boolean
  private readonly memo = new Map<string, boolean>()
  private timeouts = 0

  /** @throws SyntaxError */
  constructor(source: string) {
    this.source = source
    this.expression = translate(source)
    this.plain = isPlain(source)
  }

  matches(text: string): boolean {
    if (this.plain) return this.expression.test(text)
    const known = this.memo.get(text)
    if (known !== undefined) return known
    const found = this.bounded(text)
    if (this.memo.size >= MEMO_MAX) this.memo.clear()
    this.memo.set(text, found)
    return found
  }

  private bounded(text: string): boolean {
    if (this.timeouts >= TIMEOUTS_MAX) return false
    context.expression = this.expression
    context.text = text
    try {
      return test.runInContext(context as object, { timeout: MATCH_MS_MAX }) as boolean
    } catch {
      this.timeouts++
      return false
    }
  }
}
