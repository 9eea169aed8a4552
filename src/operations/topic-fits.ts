/** Whether a routing key fits one pattern of words, `*` for a word and `#` for any number of them. */
export function topicFits(pattern: string, key: string): boolean {
  if (pattern === '#') return true
  const wanted = pattern === '' ? [] : pattern.split('.')
  const words = key === '' ? [] : key.split('.')
  // Which parts of the pattern the words so far can have come to; both are short strings, so this is bounded.
  let at = closure(new Set([0]), wanted)
  for (const word of words) {
    const next = new Set<number>()
    for (const i of at) {
      if (wanted[i] === '#') next.add(i)
      else if (wanted[i] === '*' || wanted[i] === word) next.add(i + 1)
    }
    at = closure(next, wanted)
    if (at.size === 0) return false
  }
  return at.has(wanted.length)
}

/** `#` may stand for no word at all. */
function closure(places: Set<number>, wanted: readonly string[]): Set<number> {
  for (const i of places) if (wanted[i] === '#') places.add(i + 1)
  return places
}
