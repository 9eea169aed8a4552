/**
 * Each method that a client may send is tested with its success and with each of its errors, each argument of a queue with
 * each kind, and each policy key. What counts is what came over the wire while the tests ran and passed: each file leaves a
 * record. Runs behind the others; a file that has no record of the code as it is now is run first.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { rows } from '../../src/broker/arguments/table.ts'
import { readRecord, recordedFiles } from '../support/record.ts'
import { answers, connectionErrors, errorsOf, malformed } from './requirements.ts'

interface Spec {
  classes: { name: string; methods: { name: string; from: string }[] }[]
}

const spec = JSON.parse(readFileSync('spec/amqp-0-9-1.json', 'utf8')) as Spec
const fromClient = spec.classes.flatMap((c) =>
  c.methods.filter((m) => m.from !== 'server').map((m) => `${c.name}.${m.name}`),
)
const files = recordedFiles(readdirSync('test/conformance'))
const seen = new Set<string>()

beforeAll(() => {
  const missing = files.filter((f) => readRecord(f) === undefined)
  if (missing.length > 0) {
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=dot', '--project=shared', ...missing]
    spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, VITEST: '' } })
  }
  for (const f of files) for (const what of readRecord(f) ?? []) seen.add(what)
}, 600_000)

it('every file has left a record: all of its tests have passed', () => {
  expect(files.length).toBeGreaterThan(20)
  expect(files.filter((f) => readRecord(f) === undefined)).toEqual([])
})

describe('methods', () => {
  it.each(fromClient)('%s is sent, and answered where it has an answer', (name) => {
    expect(seen).toContain(`sent ${name}`)
    const answer = Object.hasOwn(answers, name) ? answers[name] : `${name}-ok`
    if (answer !== undefined) expect(seen).toContain(`received ${answer}`)
  })

  it.each(Object.entries(errorsOf).flatMap(([name, codes]) => codes.map((code) => [name, code] as const)))(
    '%s is refused with %i',
    (name, code) => {
      expect(fromClient).toContain(name)
      expect(seen).toContain(`refused ${name} ${code}`)
    },
  )

  it.each(malformed)('%s with malformed octets is 501', (name) => {
    expect(seen).toContain(`refused ${name} 501`)
  })

  it.each(connectionErrors)('a connection ends with %i', (code) => {
    expect(seen).toContain(`ended ${code}`)
  })

  it('have no other error: requirements.ts names all that was seen', () => {
    const other = [...seen].flatMap((s) => {
      const [, name = '', code] = /^refused (\S+) (\d+)$/.exec(s) ?? []
      const known = [...(errorsOf[name] ?? []), ...connectionErrors]
      return code === undefined || known.includes(Number(code)) ? [] : [s]
    })
    expect(other).toEqual([])
  })
})

describe('arguments', () => {
  const kinds = ['classic', 'quorum', 'stream'] as const
  it.each(rows.flatMap((row) => kinds.map((kind) => [row.name, kind, row] as const)))(
    '%s: %s',
    (name, kind, row) => {
      const taken = row.kinds.includes(kind)
      if (taken || row.takenByAll === true) expect(seen).toContain(`argument ${name} taken by ${kind}`)
      if (taken ? row.unchecked !== true : row.takenByAll !== true)
        expect(seen).toContain(`argument ${name} refused by ${kind}`)
    },
  )
})

describe('policy keys', () => {
  it.each(rows.flatMap(({ policy }) => (policy === undefined ? [] : [[policy.key, policy] as const])))(
    '%s',
    (key, { operator }) => {
      expect(seen).toContain(`policy ${key} set`)
      expect(seen).toContain(`policy ${key} refused`)
      if (operator === true) expect(seen).toContain(`operator policy ${key} set`)
      expect(seen).toContain(`operator policy ${key} refused`)
    },
  )
})
