/** Before each test file. */
import { relative } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { endChildren } from './children.ts'
import { cheapPasswords, keepPasswordThreads } from './password-cost.ts'
import { beginRecord, isRecorded, keepRecord } from './record.ts'

cheapPasswords()
keepPasswordThreads()

const file = relative(process.cwd(), expect.getState().testPath ?? '').replaceAll('\\', '/')
const records = isRecorded(file) && process.env['LEVERET_TEST_URL'] === undefined

interface Task {
  readonly tasks?: readonly Task[]
  readonly result?: { readonly state?: string } | undefined
}

function allPassed({ tasks, result }: Task): boolean {
  return tasks === undefined ? result?.state === 'pass' : tasks.every(allPassed)
}

beforeAll(() => {
  if (records) beginRecord(file)
})

// Registered first, so the last to run.
// biome-ignore lint/correctness/noEmptyPattern: Vitest gives the suite behind an object that it wants to see taken apart
afterAll(async ({}, suite) => {
  await endChildren()
  if (records && allPassed(suite)) keepRecord(file)
})
