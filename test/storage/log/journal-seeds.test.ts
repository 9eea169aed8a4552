/** The seeds behind those of `journal.test.ts`; SEEDS=10000 for more. */
import { expect, it } from 'vitest'
import { inEachSeed, journalSeed } from '../../torture/power-cut.ts'

const FIRST = 301
const SEEDS = Number(process.env['SEEDS'] ?? 700)

it(`a power cut at a random moment loses nothing that was appended (${SEEDS} more seeds)`, async () => {
  expect(await inEachSeed(journalSeed, FIRST, SEEDS)).toEqual([])
})
