/** Comparisons by the ten thousand: `expect` takes a while for each, also where it holds. */
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'

/** As `expect(actual).toBe(expected)`. */
export function same(actual: unknown, expected: unknown, what?: string): void {
  if (!Object.is(actual, expected)) expect(actual, what).toBe(expected)
}

/** As `expect(actual).toEqual(expected)`. */
export function sameDeep(actual: unknown, expected: unknown): void {
  // Whatever is equal by this is equal by that as well.
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected)
}
