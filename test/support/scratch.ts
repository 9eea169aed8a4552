/**
 * What a run of tests has for itself, and what is gone after it however it ends: a folder that stands in for the system's
 * temporary one, and in it a list of the processes that tests have started.
 */
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHILDREN, endListed } from './children.ts'

const IN_MEMORY = '/dev/shm'
/** Less would be in the way of tests that fill stores; containers often have 64 MiB. */
const IN_MEMORY_BYTES_MIN = 3 * 1024 ** 3

/** In memory where there is room: what the tests of the store look at is what is in its files, not how a disk keeps it. */
function place(): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(IN_MEMORY)
    return bavail * bsize >= IN_MEMORY_BYTES_MIN ? IN_MEMORY : tmpdir()
  } catch {
    return tmpdir()
  }
}

export default function setup(): () => void {
  const before = process.env['TMPDIR']
  const folder = mkdtempSync(join(place(), 'leveret-test-'))
  mkdirSync(join(folder, CHILDREN))
  process.env['TMPDIR'] = folder
  return () => {
    endListed(folder)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
}
