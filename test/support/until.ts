/** The one place where tests wait for time to pass: between two looks at a condition. */

/** Longer than a busy machine takes for anything; a test that meets it has failed. */
export const WAIT_MS_MAX = 45_000
const LOOK_MS = 5

function moment(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Waits for something to become true, looking often; no test depends on how long it takes. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'condition'): Promise<void> {
  if (!(await cameTrue(condition, WAIT_MS_MAX))) throw new Error(`waited too long: ${what}`)
}

/** The same for conditions that may stay false. @param ms how long is waited at most, and between two looks */
export async function cameTrue(
  condition: () => boolean | Promise<boolean>,
  ms: number,
  between = LOOK_MS,
): Promise<boolean> {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) return false
    await moment(between)
  }
  return true
}
