import { describe, expect, it } from 'vitest'
import { canFailCalls } from '../support/nth-call.ts'
import { failingCalls } from '../torture/failing-calls.ts'

/** Within a commit of the store, from its pages to its header: about as many calls as that. */
const COMMIT_CALLS = 4

describe.runIf(canFailCalls)('the file of the store, of which the disk refuses a call', () => {
  it.each(['write', 'sync'] as const)(
    'the broker goes on or ends, confirms nothing that it has not, and the next start has everything: each %s',
    async (kind) => {
      const lines: string[] = []
      const every = kind === 'write' ? COMMIT_CALLS - 1 : 1
      const file = '/data.mdb'
      const problems = await failingCalls({
        kinds: [kind],
        codes: ['EIO'],
        every,
        file,
        say: (l) => lines.push(l),
      })
      expect(problems).toEqual([])
      expect(lines.length).toBeGreaterThan(COMMIT_CALLS)
      expect(lines.filter((l) => !l.includes(file))).toEqual([])
    },
    600_000,
  )
})
