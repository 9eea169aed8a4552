import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { testFolder } from '../support/folder.ts'
import { buildFailingCalls, canFailCalls, failedCall, failingCall, kinds } from '../support/nth-call.ts'
import { startProcess } from '../support/process.ts'
import { failingCalls } from '../torture/failing-calls.ts'

/** `npm run torture -- failing-calls` for all. */
const EVERY = 41

describe.runIf(canFailCalls)('a call of the disk that fails', () => {
  it.each(kinds)('ends well: %s', { timeout: 900_000 }, async (kind) => {
    const ended: string[] = []
    const say = (line: string): void => void ended.push(line)
    expect(await failingCalls({ kinds: [kind], codes: ['EIO', 'ENOSPC'], every: EVERY, say })).toEqual([])
    expect(ended.length).toBeGreaterThan(0)
  })

  it('on the first start is said, where LMDB would end the process', async () => {
    const dir = testFolder('calls')
    const [folder, hit] = [join(dir, 'data'), join(dir, 'hit')]
    mkdirSync(folder)
    const environment = failingCall(buildFailingCalls(dir), folder, hit, {
      kind: 'write',
      number: 1,
      code: 'ENOSPC',
    })
    await expect(startProcess(folder, 0, [], environment)).rejects.toThrow(
      /exit code 1\).*cannot open the data folder .*ENOSPC/s,
    )
    expect(failedCall(hit)).toContain('write')
    expect(await (await startProcess(folder)).stop('SIGTERM')).toBe(0)
  })
})
