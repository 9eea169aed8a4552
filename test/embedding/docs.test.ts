/** The examples of docs/embedding.md, as they stand there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import amqp from 'amqplib'
import { describe, expect, it } from 'vitest'
import { createBroker, createCluster } from '../../src/index.ts'
import { testFolder } from '../support/folder.ts'

const doc = readFileSync('docs/embedding.md', 'utf8')
const own = doc.slice(0, doc.indexOf('## Exactly once'))
const cluster = doc.slice(doc.indexOf('## A cluster in a test'))
const examples = [...(own + cluster).matchAll(/```js\n(.*?)```/gs)].map((m) => m[1] as string)

type Step = () => unknown

/** Runs it with a stand-in for the test framework, and says what it has used. */
async function run(code: string): Promise<void> {
  const folder = testFolder('docs')
  const steps = { before: [] as Step[], test: [] as Step[], afterEach: [] as Step[], after: [] as Step[] }
  const known = {
    createBroker,
    createCluster,
    amqp,
    assert,
    folder,
    before: (s: Step) => steps.before.push(s),
    afterEach: (s: Step) => steps.afterEach.push(s),
    after: (s: Step) => steps.after.push(s),
    test: (_: string, s: Step) => steps.test.push(s),
  }
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...a: unknown[]) => Promise<void>
  const body = code.replace(/^import .*$/gm, '')
  await new AsyncFunction(...Object.keys(known), body)(...Object.values(known))
  for (const s of [...steps.before, ...steps.test, ...steps.afterEach, ...steps.after]) await s()
}

describe('the examples of docs/embedding.md', () => {
  it('are there', () => {
    expect(examples.length).toBeGreaterThanOrEqual(4)
  })

  it.each(examples.map((code, i) => [i + 1, code] as const))('work: %i', async (_, code) => {
    await run(code)
  })
})
