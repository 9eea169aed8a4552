/** Whether a routing key matches a topic pattern of words: `*` stands for one word, `#` for any number of them. */
export function topicFits(pattern: string, key: string): boolean {
  if (pattern === '#') return true
  const wanted = pattern === '' ? [] : pattern.split('.')
  const words = key === '' ? [] : key.split('.')
  let [w, k] = [0, 0]
  // The position after the last `#`, and the first word that it does not cover: backtracking never goes further back.
  let [behind, next] = [-1, 0]
  while (k < words.length) {
    if (wanted[w] === '#') [behind, next] = [++w, k]
    else if (wanted[w] === '*' || (w < wanted.length && wanted[w] === words[k])) {
      w++
      k++
    } else if (behind >= 0) [w, k] = [behind, ++next]
    else return false
  }
  while (wanted[w] === '#') w++
  return w === wanted.length
}
