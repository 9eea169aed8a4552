/** Waits for something to become true, looking often; no test depends on how long it takes. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'condition'): Promise<void> {
  const end = Date.now() + 15_000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited too long: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** For what must not happen: long enough for a broker on the same machine to have done it. */
export function quietMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60))
}
