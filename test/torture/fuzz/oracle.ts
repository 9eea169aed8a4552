/** What may happen, and what may not. */

/** The result; undefined where an error of the expected kind was thrown. @throws every other error */
export function unless<T>(isExpected: (error: unknown) => boolean, action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    if (isExpected(error)) return undefined
    throw error
  }
}

export async function unlessLater<T>(
  isExpected: (error: unknown) => boolean,
  action: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    if (isExpected(error)) return undefined
    throw error
  }
}

export function same(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}
