/**
 * Decides whether octets match a program. It is a backtracking matcher that remembers the positions at which an
 * instruction has failed, so that none is tried twice: the time is proportional to the length of the program times that
 * of the text, whatever the expression. If it cannot remember failures (back-references) or has to start again (a
 * look-ahead at every position), it gives up after a number of steps. Steps are counted rather than timed, so the same
 * question always yields the same answer.
 *
 * Preferred to an RE2 in JavaScript (no look-ahead, which policies such as `^(?!amq\.)` use, and characters instead of
 * RabbitMQ's octets) and to a worker with a deadline (it cannot answer synchronously in the middle of a method, and its
 * answers depend on the load of the machine).
 */
import { codeOf, Op, type Program } from './compile.ts'
import { otherCase, word } from './octets.ts'

/** Maximum 32-bit words kept for the next run; a larger buffer is released. */
const KEPT_WORDS = 65_536

const NONE = -1
const GIVEN_UP = -2
const NEWLINE = 10
const TEXT_START = codeOf('A')
const TEXT_END = codeOf('z')
const TEXT_END_OR_NEWLINE = codeOf('Z')
const LINE_START = codeOf('^')
const LINE_END = codeOf('$')
const BOUNDARY = codeOf('b')

let keptMarks: Uint32Array = new Uint32Array(1024)
let keptStack: Int32Array = new Int32Array(1024)

class Machine {
  private readonly program: Program
  private readonly text: Uint8Array
  private readonly length: number
  steps = 0
  private readonly stepsMax: number
  /** A bit for each instruction at each position: whether it has been tried. */
  private readonly marks: Uint32Array
  /** Marks made while a part is matched: if it succeeds they are removed, because they are not failures. */
  private readonly trail: number[] = []
  /** Pairs: an instruction and a position to try later; or -1 - slot, and the slot's previous value. */
  private stack: Int32Array
  private top = 0
  private readonly slots: Int32Array

  constructor(program: Program, text: Uint8Array, length: number, stepsMax: number) {
    this.program = program
    this.text = text
    this.length = length
    this.stepsMax = stepsMax
    const words = program.hasReferences ? 0 : Math.ceil((program.instructions * (length + 1)) / 32)
    if (words > keptMarks.length) {
      this.marks = new Uint32Array(words)
      if (words <= KEPT_WORDS) keptMarks = this.marks
    } else {
      keptMarks.fill(0, 0, words)
      this.marks = keptMarks
    }
    this.stack = keptStack
    this.slots = new Int32Array(program.slots).fill(NONE)
  }

  /** undefined = given up */
  search(): boolean | undefined {
    const last = this.program.anchored ? 0 : this.length
    for (let start = 0; start <= last; start++) {
      const end = this.run(0, start, false)
      if (end === GIVEN_UP) return undefined
      if (end !== NONE) return true
    }
    return false
  }

  /** The position at which the match ends, NONE or GIVEN_UP. @param part of a lookaround or an atomic group */
  private run(from: number, start: number, part: boolean): number {
    const { code, hasReferences } = this.program
    const { length, marks } = this
    const base = this.top
    let pc = from
    let at = start
    for (;;) {
      let next = pc + 1
      if (!hasReferences) {
        const mark = pc * (length + 1) + at
        const bit = 1 << (mark & 31)
        if (((marks[mark >>> 5] as number) & bit) !== 0) next = NONE
        else {
          marks[mark >>> 5] = (marks[mark >>> 5] as number) | bit
          if (part) this.trail.push(mark)
        }
      }
      if (next !== NONE) {
        if (++this.steps > this.stepsMax) return GIVEN_UP
        const a = code[pc * 3 + 1] as number
        const b = code[pc * 3 + 2] as number
        switch (code[pc * 3]) {
          case Op.Accept:
            this.dropChoices(base)
            return at
          case Op.Octets:
            at = this.octets(a, at, b === 1)
            break
          case Op.Set:
            at = this.oneOf(a, at, b === 1)
            break
          case Op.Split:
            this.push(b, at)
            next = a
            break
          case Op.Jump:
            next = a
            break
          case Op.Assert:
            if (!this.holds(a, at)) at = NONE
            break
          case Op.Look:
          case Op.Atomic: {
            const end = this.part(pc, at)
            if (end === GIVEN_UP) return GIVEN_UP
            if (code[pc * 3] === Op.Atomic) at = end
            else if ((end === NONE) !== (b === 1)) at = NONE
            next = a
            break
          }
          case Op.Save:
            this.save(a, at)
            break
          case Op.Progress:
            if (this.slots[a] === at) next = b
            break
          case Op.Reference:
            at = this.reference(a, at, (b & 1) === 1, (b & 2) === 2)
            break
        }
      }
      if (next === NONE || at === NONE) {
        if (!this.backtrack(base)) return NONE
        pc = this.stack[this.top] as number
        at = this.stack[this.top + 1] as number
      } else pc = next
    }
  }

  /** Backtracks to the last untried alternative; false if there is none above the base. */
  private backtrack(base: number): boolean {
    while (this.top > base) {
      this.top -= 2
      const first = this.stack[this.top] as number
      if (first >= 0) return true
      this.slots[-1 - first] = this.stack[this.top + 1] as number
    }
    return false
  }

  private push(first: number, second: number): void {
    if (this.top + 2 > this.stack.length) {
      const larger = new Int32Array(this.stack.length * 2)
      larger.set(this.stack)
      this.stack = larger
      if (larger.length <= KEPT_WORDS) keptStack = larger
    }
    this.stack[this.top++] = first
    this.stack[this.top++] = second
  }

  private save(slot: number, value: number): void {
    this.push(-1 - slot, this.slots[slot] as number)
    this.slots[slot] = value
  }

  /** Commits to the match; captures are still restored if an earlier alternative is tried. */
  private dropChoices(base: number): void {
    let kept = base
    for (let i = base; i < this.top; i += 2) {
      if ((this.stack[i] as number) >= 0) continue
      this.stack[kept] = this.stack[i] as number
      this.stack[kept + 1] = this.stack[i + 1] as number
      kept += 2
    }
    this.top = kept
  }

  /** Matches the part of a lookaround or an atomic group. */
  private part(pc: number, at: number): number {
    const { top } = this
    const trail = this.trail.length
    const end = this.run(pc + 1, at, true)
    if (end < 0) return end
    for (let i = this.trail.length - 1; i >= trail; i--) {
      const mark = this.trail.pop() as number
      this.marks[mark >>> 5] = (this.marks[mark >>> 5] as number) & ~(1 << (mark & 31))
      this.steps++
    }
    // Captures inside a negative lookaround are discarded.
    const { code } = this.program
    if (code[pc * 3] === Op.Look && code[pc * 3 + 2] === 1) this.backtrack(top)
    return end
  }

  private octets(index: number, at: number, back: boolean): number {
    const wanted = this.program.octets[index] as Uint8Array
    const start = back ? at - wanted.length : at
    if (start < 0 || start + wanted.length > this.length) return NONE
    let i = 0
    while (i < wanted.length && this.text[start + i] === wanted[i]) i++
    this.steps += i >>> 3
    if (i < wanted.length) return NONE
    return back ? start : start + wanted.length
  }

  private oneOf(index: number, at: number, back: boolean): number {
    const place = back ? at - 1 : at
    if (place < 0 || place >= this.length) return NONE
    const set = this.program.sets[index] as Uint8Array
    if (set[this.text[place] as number] === 0) return NONE
    return back ? place : place + 1
  }

  /** A reference to a group that has not matched matches nothing. */
  private reference(group: number, at: number, back: boolean, anyCase: boolean): number {
    const from = this.slots[2 * group] as number
    const to = this.slots[2 * group + 1] as number
    if (from < 0 || to < from) return NONE
    const size = to - from
    const start = back ? at - size : at
    if (start < 0 || start + size > this.length) return NONE
    this.steps += size
    for (let i = 0; i < size; i++) {
      const [x, y] = [this.text[from + i] as number, this.text[start + i] as number]
      if (x !== y && !(anyCase && otherCase(x) === y)) return NONE
    }
    return back ? start : start + size
  }

  private holds(kind: number, at: number): boolean {
    const { text, length } = this
    switch (kind) {
      case TEXT_START:
        return at === 0
      case TEXT_END:
        return at === length
      case TEXT_END_OR_NEWLINE:
        return at === length || (at === length - 1 && text[at] === NEWLINE)
      case LINE_START:
        return at === 0 || (at < length && text[at - 1] === NEWLINE)
      case LINE_END:
        return at === length || text[at] === NEWLINE
      default:
        return (this.isWord(at - 1) !== this.isWord(at)) === (kind === BOUNDARY)
    }
  }

  private isWord(at: number): boolean {
    return at >= 0 && at < this.length && word[this.text[at] as number] === 1
  }
}

export interface Verdict {
  /** undefined = not decided within the limit of steps */
  readonly matches: boolean | undefined
  readonly steps: number
}

const otherStart: Verdict = { matches: false, steps: 1 }

function begins(text: Uint8Array, length: number, prefix: Uint8Array): boolean {
  if (length < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (text[i] !== prefix[i]) return false
  return true
}

/** @param length octets of the text to match */
export function runPattern(program: Program, text: Uint8Array, length: number, stepsMax: number): Verdict {
  // Most of very many policies are for other names: a comparison is enough to see that.
  if (program.prefix !== undefined && !begins(text, length, program.prefix)) return otherStart
  // The marks need memory, which has to be cleared at least once.
  const words = program.hasReferences ? 0 : (program.instructions * (length + 1)) / 32
  if (words > stepsMax) return { matches: undefined, steps: 0 }
  const machine = new Machine(program, text, length, stepsMax)
  const matches = machine.search()
  return { matches, steps: machine.steps }
}
