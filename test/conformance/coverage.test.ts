/** Every method that a client may send has tests under its name, of its success and of its errors. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

interface Spec {
  classes: { name: string; methods: { name: string; from: string }[] }[]
}

const spec = JSON.parse(readFileSync('spec/amqp-0-9-1.json', 'utf8')) as Spec
const dir = import.meta.dirname
const tests = readdirSync(dir)
  .filter((f) => f.endsWith('.test.ts') && f !== 'coverage.test.ts')
  .map((f) => readFileSync(join(dir, f), 'utf8'))
  .join('\n')

const fromClient = spec.classes.flatMap((c) =>
  c.methods.filter((m) => m.from !== 'server').map((m) => `${c.name}.${m.name}`),
)
/** Told apart in one `describe` of two methods. */
const together: Record<string, string> = {
  'basic.reject': 'basic.reject and basic.nack',
  'basic.nack': 'basic.reject and basic.nack',
}

describe('coverage of the conformance tests', () => {
  it.each(fromClient)('%s', (name) => {
    expect(tests).toContain(`describe('${together[name] ?? name}'`)
  })
})
