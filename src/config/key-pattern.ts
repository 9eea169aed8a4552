/** Reports whether the key matches the pattern. */
export function matchesKey(pattern: string, key: string): boolean {
  const p = pattern.split('.')
  const k = key.split('.')
  for (const [i, part] of p.entries()) {
    if (part === '**') return k.length > i
    const given = k[i]
    if (given === undefined) return false
    if (part === '*' || part === given) continue
    if (!part.endsWith('*') || !given.startsWith(part.slice(0, -1))) return false
  }
  return p.length === k.length
}
