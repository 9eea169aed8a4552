import { expect, it } from 'vitest'
import { overload } from '../torture/overload.ts'

/** `npm run torture -- overload` for ten minutes. */
const bounds = { ms: 1, roundMs: 5_000, folderBytes: 400e6, memoryLimit: 90_000_000 }

it('keeps its limit of memory under producers at full speed, tells them, and loses nothing confirmed', {
  timeout: 240_000,
}, async () => {
  const { problems, confirmed, timesBlocked } = await overload(bounds)
  expect(problems).toEqual([])
  expect(confirmed).toBeGreaterThan(0)
  expect(timesBlocked).toBeGreaterThan(0)
})
