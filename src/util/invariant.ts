/**
 * What cannot happen unless the code is wrong. Cheap invariants are checked always; dear ones where the environment says
 * so, as the tests' does.
 */

export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** @throws InvariantError */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InvariantError(what)
}

/** Whether invariants are checked that cost more than they look at. */
export const checksDear = process.env['LEVERET_CHECKS'] === 'all'
