/**
 * Generates and writes the definitions of very many objects in pieces, so that the broker can work in between.
 */
import { DEFINITIONS_PER_TURN } from '../limits.ts'
import type { Json } from '../util/json.ts'
import { Pace } from '../util/pace.ts'

/** Objects that are described only when they are written. */
export class Many implements Iterable<Json> {
  /** Upper bound of the number of objects; large objects count as several. */
  readonly size: number
  private readonly objects: () => Iterable<Json>

  constructor(size: number, objects: () => Iterable<Json>) {
    this.size = size
    this.objects = objects
  }

  [Symbol.iterator](): Iterator<Json> {
    return this.objects()[Symbol.iterator]()
  }
}

/** Reports whether there are few enough objects to describe in one turn. */
export function areFew(definitions: Json): boolean {
  const sizes = Object.values(definitions).map((v) => (v instanceof Many ? v.size : 0))
  return sizes.reduce((sum, n) => sum + n, 0) <= DEFINITIONS_PER_TURN
}

/** Replaces each `Many` by a list. */
export async function listed(definitions: Json): Promise<Json> {
  const out: Json = {}
  const pace = new Pace()
  for (const [name, value] of Object.entries(definitions)) {
    if (!(value instanceof Many)) {
      out[name] = value
      continue
    }
    const list: Json[] = []
    for (const object of value)
      if (list.push(object) % DEFINITIONS_PER_TURN === 0 || pace.isLong) await pace.rest()
    out[name] = list
  }
  return out
}

/** Writes definitions as JSON. */
export async function* written(definitions: Json): AsyncGenerator<string> {
  let before = '{'
  for (const [name, value] of Object.entries(definitions)) {
    if (value === undefined) continue
    yield `${before}${JSON.stringify(name)}:`
    before = ','
    if (value instanceof Many) yield* writtenList(value)
    else yield JSON.stringify(value)
  }
  yield '}'
}

async function* writtenList(objects: Many): AsyncGenerator<string> {
  let piece: string[] = []
  let before = '['
  const pace = new Pace()
  for (const object of objects) {
    piece.push(JSON.stringify(object))
    if (piece.length < DEFINITIONS_PER_TURN && !pace.isLong) continue
    yield `${before}${piece.join(',')}`
    before = ','
    piece = []
    await pace.rest()
  }
  yield piece.length > 0 ? `${before}${piece.join(',')}]` : before === '[' ? '[]' : ']'
}
