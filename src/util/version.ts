/** Version of this package; a test compares it with package.json, which the two builds cannot read in the same way. */
export const version = '0.1.0'

/** Compares version numbers. @param a all numbers of the version; numbers missing from `b` count as 0 */
export function isOlder(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) {
    const [x = 0, y = 0] = [a[i], b[i]]
    if (x !== y) return x < y
  }
  return false
}
