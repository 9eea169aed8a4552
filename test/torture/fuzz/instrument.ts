/**
 * Puts counters into a module, one for each place that a branch leads to: functions, blocks, cases, the arms of `?:` and of
 * `&&`, `||`, `??`. V8's own coverage costs some 100 µs an input and counts no more than this does.
 */
import { parseAst } from 'rolldown/parseAst'

/** Where modules find the function that gives them their counters. */
export const COVERAGE = 'leveretCoverage'

export interface Instrumented {
  readonly code: string
  /** Number of counters. */
  readonly places: number
}

interface AstNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

interface Insertion {
  readonly at: number
  readonly text: string
}

/** Texts shorter than that are met by chance; longer ones are messages for people. */
const WORD_MIN = 2
const WORD_MAX = 40
const WORDS_MAX = 400

/** @param code JavaScript, an ES module. @throws SyntaxError */
export function instrument(code: string): Instrumented {
  const places = new Places()
  const program = parseAst(code) as unknown as AstNode
  places.visit(program)
  const { insertions, count, words } = places
  // A thread or a module that comes before the counters is not counted.
  const given = `globalThis.${COVERAGE}?.(${count}, ${JSON.stringify([...words])})`
  const head = `const $hit = ${given} ?? new Uint8Array(${count});`
  if (count === 0) return { code, places: 0 }
  // Imports are hoisted, so that the line may stand in front of them, and line numbers stay.
  const all = [{ at: firstStatement(program), text: head }, ...insertions]
  return { code: inserted(code, all), places: count }
}

/** Behind `#!` and directives there is nothing to keep apart in a module. */
function firstStatement(program: AstNode): number {
  return (program['body'] as AstNode[])[0]?.start ?? 0
}

function inserted(code: string, insertions: readonly Insertion[]): string {
  const sorted = insertions.map((i, order) => ({ ...i, order }))
  sorted.sort((a, b) => a.at - b.at || a.order - b.order)
  let out = ''
  let at = 0
  for (const i of sorted) {
    out += code.slice(at, i.at) + i.text
    at = i.at
  }
  return out + code.slice(at)
}

class Places {
  readonly insertions: Insertion[] = []
  readonly words = new Set<string>()
  count = 0

  visit(node: AstNode): void {
    this.look(node)
    for (const [name, value] of Object.entries(node)) {
      if (name === 'type' || name === 'start' || name === 'end') continue
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) this.visit(child)
    }
    this.leave(node)
  }

  private look(node: AstNode): void {
    switch (node.type) {
      case 'BlockStatement':
        this.put(node.start + 1, `${this.hit()};`)
        break
      case 'IfStatement':
        this.open(node['consequent'])
        this.open(node['alternate'])
        break
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
        this.open(node['body'])
        break
      case 'SwitchCase':
        this.ofCase(node)
        break
      case 'ConditionalExpression':
        this.wrap(node['consequent'])
        this.wrap(node['alternate'])
        break
      case 'LogicalExpression':
        this.wrap(node['right'])
        break
      case 'ArrowFunctionExpression':
        if (node['expression'] === true) this.wrap(node['body'])
        break
      case 'Literal':
        this.word(node['value'])
    }
  }

  /** What closes a wrapped part stands behind what was inserted within it. */
  private leave(node: AstNode): void {
    const wrapped = (value: unknown): void => {
      if (isNode(value)) this.put(value.end, ')')
    }
    const opened = (value: unknown): void => {
      if (isNode(value) && value.type !== 'BlockStatement') this.put(value.end, '}')
    }
    switch (node.type) {
      case 'IfStatement':
        opened(node['consequent'])
        opened(node['alternate'])
        break
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
        opened(node['body'])
        break
      case 'ConditionalExpression':
        wrapped(node['consequent'])
        wrapped(node['alternate'])
        break
      case 'LogicalExpression':
        wrapped(node['right'])
        break
      case 'ArrowFunctionExpression':
        if (node['expression'] === true) wrapped(node['body'])
    }
  }

  private ofCase(node: AstNode): void {
    const [first] = node['consequent'] as AstNode[]
    // One that shares what follows has no place of its own.
    if (first !== undefined) this.put(first.start, `${this.hit()};`)
  }

  private wrap(value: unknown): void {
    if (isNode(value)) this.put(value.start, `(${this.hit()},`)
  }

  private open(value: unknown): void {
    if (isNode(value) && value.type !== 'BlockStatement') this.put(value.start, `{${this.hit()};`)
  }

  private hit(): string {
    return `$hit[${this.count++}]++`
  }

  private put(at: number, text: string): void {
    this.insertions.push({ at, text })
  }

  private word(value: unknown): void {
    if (typeof value !== 'string' || this.words.size >= WORDS_MAX) return
    if (value.length >= WORD_MIN && value.length <= WORD_MAX) this.words.add(value)
  }
}

function isNode(value: unknown): value is AstNode {
  return value !== null && typeof value === 'object' && typeof (value as AstNode).type === 'string'
}
