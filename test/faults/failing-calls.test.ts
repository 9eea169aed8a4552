import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { testFolder } from '../support/folder.ts'
import { buildFailingCalls, canFailCalls, failedCall, failingCall } from '../support/nth-call.ts'
import { startProcess } from '../support/process.ts'

describe.runIf(canFailCalls)('a call of the disk that fails', () => {
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
