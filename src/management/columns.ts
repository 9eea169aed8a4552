/** The parameter `columns`: which members of objects an answer has, and which of the objects within them. */
import type { Json } from '../util/json.ts'

/** Read once for all objects: a request may name thousands of them. */
export class Columns {
  /** All of it, whatever is chosen within it. */
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

  /** Of objects within lists, too. */
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

/** Only what the object has of its own: a column may be called anything. */
export function own(object: unknown, name: string): unknown {
  if (object === null || typeof object !== 'object' || !Object.hasOwn(object, name)) return undefined
  return (object as Json)[name]
}
