/** The query parameter `columns`: selects the members of the objects in an answer, and those of nested objects. */
import type { Json } from '../util/json.ts'

/** Parsed once for all objects: a request may name thousands of columns. */
export class Columns {
  /** Selects the whole value, even if columns within it are selected too. */
  private whole = false
  private readonly within = new Map<string, Columns>()

  /** @param text `name,arguments.x-max-length` */
  static of(text: string): Columns {
    const all = new Columns()
    for (const path of text.split(',')) {
      let at = all
      for (const name of path.split('.')) {
        let next = at.within.get(name)
        if (next === undefined) {
          next = new Columns()
          at.within.set(name, next)
        }
        at = next
      }
      at.whole = true
    }
    return all
  }

  /** Objects within lists are filtered too. */
  pick(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((v) => this.pick(v))
    return value !== null && typeof value === 'object' ? this.pickOf(value as Json) : value
  }

  pickOf(object: Json): Json {
    const out: Json = Object.create(null)
    const inside: [name: string, columns: Columns][] = []
    for (const [name, columns] of this.within) {
      const value = own(object, name)
      if (value === undefined) continue
      if (columns.whole) out[name] = value
      else inside.push([name, columns])
    }
    for (const [name, columns] of inside) out[name] = columns.pick(own(object, name))
    return out
  }
}

/** Returns own members only: a column may have any name. */
export function own(object: unknown, name: string): unknown {
  if (object === null || typeof object !== 'object' || !Object.hasOwn(object, name)) return undefined
  return (object as Json)[name]
}
