/** Whether a routing key fits one pattern of words, `*` for a word and `#` for any number of them. */
export function topicFits(pattern: string, key: string): boolean {
  if (pattern === '#') return true
  const wanted = pattern === '' ? [] : pattern.split('.')
  const words = key === '' ? [] : key.split('.')
  let [w, k] = [0, 0]
  // Behind the last `#`, and the first word that it does not stand for: nothing before that has to be tried again.
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
