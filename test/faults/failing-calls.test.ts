import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startChild } from '../support/children.ts'
import { testFolder } from '../support/folder.ts'
import { buildFailingCalls, canFailCalls, failedCall, failingCall } from '../support/nth-call.ts'
import { startProcess } from '../support/process.ts'
import { inTime } from '../torture/failing-calls.ts'

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

/** A process that does not end by itself. */
const staying = (): ChildProcess =>
  startChild(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: 'pipe' })

describe('a run with a call that fails', () => {
  it('ends with its processes where it would go on for ever, which is a problem beside those that it finds', async () => {
    const found = await inTime('the run', 1, async () => {
      const child = staying()
      const [, signal] = await once(child, 'exit')
      return [`ended with ${signal}`]
    })
    expect(found).toEqual(['the run was not over after 0.001 s, and was killed', 'ended with SIGKILL'])
  })

  it('has the error as its problem that it ends with, and leaves no process', async () => {
    const child = staying()
    const found = await inTime('the next start', 1e6, () => Promise.reject(new Error('no queue')))
    expect(found).toEqual(['the next start: no queue'])
    expect(child.signalCode).toBe('SIGKILL')
  })
})
