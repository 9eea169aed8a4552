/** Suggests the name that was probably meant. */

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

/** Returns the closest name; undefined if more than a third of the characters differ. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let found: string | undefined
  let least = Math.floor(name.length / 3) + 1
  for (const n of names) {
    const d = Math.abs(n.length - name.length) < least ? distance(name.toLowerCase(), n) : least
    if (d >= least) continue
    least = d
    found = n
  }
  return found
}
