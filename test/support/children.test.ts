/** What tests that fail leave behind: nothing. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { until } from './until.ts'

interface Left {
  readonly pid: number
  readonly folder: string
  readonly file: string
}

/** Runs the tests of fixtures/leaving.ts that are named so. */
function leaving(name: string): { passed: boolean; left: Left } {
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/fixtures/leaving.config.ts',
    '-t',
    name,
  ]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, VITEST: '', VITEST_WORKER_ID: '', VITEST_POOL_ID: '' },
  })
  const said = /^left (.*)$/m.exec(stdout)?.[1]
  if (said === undefined) throw new Error(`${stdout}\n${stderr}`)
  return { passed: status === 0, left: JSON.parse(said) as Left }
}

function isAlive(pid: number): boolean {
  try {
    // A process that has ended stays in the list until its parent has looked, which not every container's first does.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe.skipIf(process.platform !== 'linux')('a run of tests', () => {
  it.each([
    'a test that fails',
    'a hook that fails',
    'a worker that is killed',
    'a worker that is told to end',
  ])('leaves no process and no file behind: %s', async (name) => {
    const { passed, left } = leaving(name)
    expect(passed).toBe(false)
    expect(left.file.startsWith(left.folder)).toBe(true)
    expect([existsSync(left.file), existsSync(left.folder)]).toEqual([false, false])
    await until(() => !isAlive(left.pid), 'the end of the process')
  })
})
