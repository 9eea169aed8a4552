/** This package's own version; a test holds it against package.json, which cannot be read the same way from both builds. */
export const version = '0.1.0'

/** Of versions in their numbers. @param a all of them; of `b` those that are missing count as 0 */
export function isOlder(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) {
    const [x = 0, y = 0] = [a[i], b[i]]
    if (x !== y) return x < y
  }
  return false
}
