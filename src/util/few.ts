/** Sets that are many and mostly small: with one member a set costs nothing beside it, with some an array. */

/** In the order in which the members came. A member is neither an array nor a set. */
export type Few<T extends object> = undefined | T | T[] | Set<T>

/** Members of an array, at most: it is searched. */
const ARRAY_MAX = 8

/** @param item is not in it yet @returns what holds all of them: what was given may have changed */
export function withItem<T extends object>(few: Few<T>, item: T): Few<T> {
  if (few === undefined) return item
  if (few instanceof Set) return few.add(item)
  if (!Array.isArray(few)) return [few, item]
  // An array that has grown by one would have room for sixteen more.
  const all = [...few, item]
  return all.length > ARRAY_MAX ? new Set(all) : all
}

/** Whatever is not in it changes nothing. */
export function withoutItem<T extends object>(few: Few<T>, item: T): Few<T> {
  if (few === item) return undefined
  if (few instanceof Set) {
    few.delete(item)
    return few.size === 0 ? undefined : few
  }
  if (!Array.isArray(few)) return few
  const at = few.indexOf(item)
  if (at >= 0) few.splice(at, 1)
  return few.length === 1 ? few[0] : few
}

export function itemsOf<T extends object>(few: Few<T>): Iterable<T> {
  if (few === undefined) return []
  return few instanceof Set || Array.isArray(few) ? few : [few]
}
