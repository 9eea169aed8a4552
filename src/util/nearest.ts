/** Suggests the name that was probably meant. */

/** Maximum edit distance for a name of that length. */
const distanceMax = (length: number): number => (length <= 4 ? 1 : length <= 8 ? 2 : 3)

/** The closest name; undefined if none is close enough. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const plain = (s: string): string => s.toLowerCase().replace(/[-_]/g, '')
  const wanted = plain(given)
  let best: { name: string; distance: number } | undefined
  for (const name of names) {
    const other = plain(name)
    const begins = wanted.length > 2 && (wanted.startsWith(other) || other.startsWith(wanted))
    const distance = begins ? 1 : editDistance(wanted, other)
    if (distance <= distanceMax(other.length) && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { name, distance }
  }
  return best?.name
}

/** The Levenshtein distance. */
export function editDistance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(
        (row[j - 1] as number) + 1,
        (before[j] as number) + 1,
        (before[j - 1] as number) + same,
      )
    }
    before = row
  }
  return before[b.length] as number
}
