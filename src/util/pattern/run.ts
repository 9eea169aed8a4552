/**
 * Decides whether octets match a program. It tries one way after the other and remembers the places from which there was
 * none, so that no place is tried twice by the same instruction: the time grows with the length of the program times that
 * of the text, whatever the expression. Where it cannot remember (back-references), or has to begin anew (a look-ahead at
 * every place), it gives up after so many steps. Steps are counted, not timed: the same question always has the same
 * answer.
 *
 * Chosen before an RE2 in JavaScript (no look-ahead, which policies such as `^(?!amq\.)` have, and characters instead of
 * RabbitMQ's octets) and before a worker with a deadline (it cannot answer in the middle of a method, and what it answers
 * depends on how busy the machine is).
 */
import { codeOf, Op, type Program } from './compile.ts'
import { otherCase, word } from './octets.ts'

/** Words of 32 bits that are kept for the next run; more is let go again. */
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
  /** A bit for each instruction at each place: it has been there. */
  private readonly marks: Uint32Array
  /** Marks made while a part is matched: those of one that succeeds are taken back, as they are no failures. */
  private readonly trail: number[] = []
  /** Pairs: instruction and place to try later; or -1 - slot, and its value before. */
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
    for (let start = 0; start <= this.length; start++) {
      const end = this.run(0, start, false)
      if (end === GIVEN_UP) return undefined
      if (end !== NONE) return true
    }
    return false
  }

  /** Where it has matched to, NONE or GIVEN_UP. @param part of a look or an atomic group */
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

  /** To the last way that has not been tried; false where there is none above the base. */
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

  /** What has matched stays as it is; what groups held before comes back if something before it is tried again. */
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

  /** The part of a look or an atomic group. */
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
    // What groups have held in a negative look does not last.
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

  /** A group that has not matched matches nothing. */
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
  /** undefined = not decided within the steps */
  readonly matches: boolean | undefined
  readonly steps: number
}

/** @param length octets of the text that count */
export function runPattern(program: Program, text: Uint8Array, length: number, stepsMax: number): Verdict {
  // What is to be remembered needs memory, and a look at all of it at least once.
  const words = program.hasReferences ? 0 : (program.instructions * (length + 1)) / 32
  if (words > stepsMax) return { matches: undefined, steps: 0 }
  const machine = new Machine(program, text, length, stepsMax)
  const matches = machine.search()
  return { matches, steps: machine.steps }
}
