/**
 * Assertions about conditions that only a bug can violate. Cheap ones are always checked; expensive ones only if the
 * environment variable is set, as it is in tests.
 */

export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** @throws InvariantError */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InvariantError(what)
}

/** Whether to check invariants whose check costs more than the operation itself. */
export const checksDear = process.env['LEVERET_CHECKS'] === 'all'
