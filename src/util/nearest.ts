/** Suggests the name that was probably meant. */

/** Maximum number of characters compared; the rest of a longer name is ignored. */
const COMPARED_MAX = 200

const plain = (name: string): string => name.slice(0, COMPARED_MAX).toLowerCase().replace(/[-_]/g, '')

/** Returns the closest name; undefined if more than a third of the characters differ, and none continues another. */
export function nearest(given: string, names: Iterable<string>): string | undefined {
  const wanted = plain(given)
  let found: string | undefined
  let least = Math.floor(wanted.length / 3) + 1
  for (const name of names) {
    const d = difference(wanted, plain(name), least)
    if (d >= least) continue
    least = d
    found = name
  }
  return found
}

/** The distance of two names, or `limit` if it is not below. A name that continues the other has a distance of 1. */
function difference(wanted: string, name: string, limit: number): number {
  if (wanted === name) return 0
  const [short, long] = wanted.length < name.length ? [wanted, name] : [name, wanted]
  if (short.length * 2 >= long.length && long.startsWith(short)) return 1
  return long.length - short.length < limit ? distance(wanted, name) : limit
}

/** Returns the edit distance, counting a transposition of adjacent characters as one change. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + same,
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] as number) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[b.length] as number
}
