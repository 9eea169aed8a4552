/** Compact sets, for many sets that are mostly small: one member needs no extra memory, a few only an array. */

/** In insertion order. A member must be neither an array nor a set. */
export type Few<T extends object> = undefined | T | T[] | Set<T>

/** Maximum members of an array, which is searched linearly. */
const ARRAY_MAX = 8

/** @param item must not be a member yet @returns the new set; the one passed in may have been modified */
export function withItem<T extends object>(few: Few<T>, item: T): Few<T> {
  if (few === undefined) return item
  if (few instanceof Set) return few.add(item)
  if (!Array.isArray(few)) return [few, item]
  const all = withOneMore(few, item)
  return all.length > ARRAY_MAX ? new Set(all) : all
}

/**
 * A new array without spare capacity: one that grows, or is written as `[...items, item]`, has room for sixteen more.
 */
export function withOneMore<T>(items: readonly T[], item: T): T[] {
  return items.concat([item])
}

/** Returns the set unchanged if the item is not a member. */
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
