/** Compiles the syntax tree of a regular expression into a program for the machine of `run.ts`. */
import type { OctetSet } from './octets.ts'
import { PATTERN_INSTRUCTIONS_MAX } from './pattern-limits.ts'
import type { Assertion, Node, Repeat, Syntax } from './syntax.ts'

/** Instructions; the comments give the meaning of the operands a and b. */
export const Op = {
  /** The expression, or the part of a lookaround or an atomic group, has matched. */
  Accept: 0,
  /** a: index of octets; b: 1 = match to the left */
  Octets: 1,
  /** a: index of a set; b: 1 = match to the left */
  Set: 2,
  /** a: tried first; b: alternative */
  Split: 3,
  /** a: target */
  Jump: 4,
  /** a: code of the character of an `Assertion` */
  Assert: 5,
  /** a: address after its part, which follows; b: 1 = negative */
  Look: 6,
  /** a: address after its part, which follows */
  Atomic: 7,
  /** a: slot for the position */
  Save: 8,
  /** a: slot with the start of this iteration of a repetition; b: target if the iteration has matched nothing */
  Progress: 9,
  /** a: group; b: 1 = to the left, 2 = case-insensitive */
  Reference: 10,
} as const

export interface Program {
  /** op, a, b of each instruction */
  readonly code: Int32Array
  readonly instructions: number
  readonly octets: readonly Uint8Array[]
  readonly sets: readonly OctetSet[]
  /** Number of slots for the bounds of groups, and for repetitions. */
  readonly slots: number
  /** Whether the result depends on what groups have captured: a position that failed once may then succeed later. */
  readonly hasReferences: boolean
  /** Whether it can match at the start of the text only. */
  readonly anchored: boolean
  /** The text that every match begins with, as far as the beginning of the program tells. */
  readonly prefix: Uint8Array | undefined
}

/** @throws SyntaxError if the program becomes too large */
export function compilePattern(syntax: Syntax): Program {
  return new Compiler(syntax).compile()
}

class Compiler {
  private readonly syntax: Syntax
  private readonly code: number[] = []
  private readonly octets: Uint8Array[] = []
  private readonly sets: OctetSet[] = []
  private slots: number
  /** Parts compiled so far: repetitions compile a part repeatedly even if it emits no instruction. */
  private parts = 0

  constructor(syntax: Syntax) {
    this.syntax = syntax
    this.slots = 2 * (syntax.groups + 1)
  }

  compile(): Program {
    this.node(this.syntax.root, false)
    this.emit(Op.Accept)
    const { octets, sets, slots } = this
    const { hasReferences } = this.syntax
    const code = Int32Array.from(this.code)
    const anchored = code[0] === Op.Assert && code[1] === codeOf('A')
    const prefix = anchored && code[3] === Op.Octets ? octets[code[4] as number] : undefined
    const kept = { slots: this.inOrder ? slots : 0, hasReferences }
    return { code, instructions: this.here, octets, sets, ...kept, anchored, prefix }
  }

  /** Whether the order of the alternatives affects the result. */
  private get inOrder(): boolean {
    return this.syntax.hasReferences || this.syntax.hasAtomic
  }

  private get here(): number {
    return this.code.length / 3
  }

  /** Returns the instruction's number. */
  private emit(op: number, a = 0, b = 0): number {
    if (this.here >= PATTERN_INSTRUCTIONS_MAX) throw tooLarge()
    return this.code.push(op, a, b) / 3 - 1
  }

  private set(instruction: number, operand: 'a' | 'b', value: number): void {
    this.code[instruction * 3 + (operand === 'a' ? 1 : 2)] = value
  }

  /** @param back whether to match to the left */
  private node(node: Node, back: boolean): void {
    if (++this.parts > 4 * PATTERN_INSTRUCTIONS_MAX) throw tooLarge()
    const left = back ? 1 : 0
    switch (node.is) {
      case 'octets':
        this.emit(Op.Octets, this.octets.push(Uint8Array.from(node.octets)) - 1, left)
        break
      case 'set':
        this.emit(Op.Set, this.setIndex(node.set), left)
        break
      case 'sequence':
        for (const n of back ? node.nodes.toReversed() : node.nodes) this.node(n, back)
        break
      case 'choice':
        this.choice(node.nodes, back)
        break
      case 'repeat':
        this.repeat(node, back)
        break
      case 'assertion':
        this.emit(Op.Assert, codeOf(node.kind))
        break
      case 'look':
        this.part(Op.Look, node.node, node.behind, node.negative ? 1 : 0)
        break
      case 'atomic':
        this.part(Op.Atomic, node.node, back, 0)
        break
      case 'group':
        this.group(node.node, node.index, back)
        break
      case 'reference':
        this.emit(Op.Reference, this.groupOf(node.to), left + (node.anyCase ? 2 : 0))
        break
    }
  }

  private groupOf(to: number | string): number {
    return typeof to === 'number' ? to : (this.syntax.names.get(to) as number)
  }

  private setIndex(set: OctetSet): number {
    const known = this.sets.indexOf(set)
    return known >= 0 ? known : this.sets.push(set) - 1
  }

  private choice(nodes: readonly Node[], back: boolean): void {
    const ends: number[] = []
    for (const [i, n] of nodes.entries()) {
      if (i === nodes.length - 1) {
        this.node(n, back)
        break
      }
      const split = this.emit(Op.Split)
      this.set(split, 'a', this.here)
      this.node(n, back)
      ends.push(this.emit(Op.Jump))
      this.set(split, 'b', this.here)
    }
    for (const jump of ends) this.set(jump, 'a', this.here)
  }

  private part(op: number, node: Node, back: boolean, b: number): void {
    const start = this.emit(op, 0, b)
    this.node(node, back)
    this.emit(Op.Accept)
    this.set(start, 'a', this.here)
  }

  private group(node: Node, index: number, back: boolean): void {
    if (!this.syntax.hasReferences) {
      this.node(node, back)
      return
    }
    this.emit(Op.Save, 2 * index + (back ? 1 : 0))
    this.node(node, back)
    this.emit(Op.Save, 2 * index + (back ? 0 : 1))
  }

  /** Unrolls the repetition: the mandatory iterations, then the optional ones. */
  private repeat({ node, min, max, lazy }: Repeat, back: boolean): void {
    for (let i = 0; i < min; i++) this.node(node, back)
    // If the order does not matter, leaving the loop is the shorter path.
    const leaveFirst = lazy || !this.inOrder
    if (max === Infinity) {
      const split = this.emit(Op.Split)
      this.turns(node, back, split)
      this.branch(split, leaveFirst, split + 1, this.here)
      return
    }
    const splits: number[] = []
    for (let i = min; i < max; i++) {
      splits.push(this.emit(Op.Split))
      this.node(node, back)
    }
    for (const split of splits) this.branch(split, leaveFirst, split + 1, this.here)
  }

  /** A loop; an iteration that matches nothing is the last. */
  private turns(node: Node, back: boolean, split: number): void {
    if (!this.inOrder) {
      this.node(node, back)
      this.emit(Op.Jump, split)
      return
    }
    const slot = this.slots++
    this.emit(Op.Save, slot)
    this.node(node, back)
    const progress = this.emit(Op.Progress, slot)
    this.emit(Op.Jump, split)
    this.set(progress, 'b', this.here)
  }

  private branch(split: number, leaveFirst: boolean, stay: number, leave: number): void {
    this.set(split, 'a', leaveFirst ? leave : stay)
    this.set(split, 'b', leaveFirst ? stay : leave)
  }
}

export function codeOf(kind: Assertion): number {
  return kind.charCodeAt(0)
}

function tooLarge(): SyntaxError {
  return new SyntaxError('invalid regular expression: regular expression is too large')
}
