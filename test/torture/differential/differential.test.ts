/**
 * The programs of the differential torture have every method, argument and policy key that the coverage table knows, or it
 * is said why not. Needs no RabbitMQ; test/oracle/differential.test.ts runs programs.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { rows } from '../../../src/broker/arguments/table.ts'
import { randomOf } from '../random.ts'
import { makeProgram } from './program.ts'
import { isMethod, type Step } from './step.ts'
import { exemptArguments, exemptMethods, exemptPolicyKeys, policyKeys, queueArguments } from './values.ts'

const SEEDS = 3000
const STEPS = 60
/** Later than any that a value says to be from. */
const LATEST = [4, 3, 0]

interface Spec {
  classes: { name: string; methods: { name: string; from: string }[] }[]
}
const spec = JSON.parse(readFileSync('spec/amqp-0-9-1.json', 'utf8')) as Spec
const fromClient = spec.classes.flatMap((c) =>
  c.methods.filter((m) => m.from !== 'server').map((m) => `${c.name}.${m.name}`),
)
const steps: readonly Step[] = Array.from({ length: SEEDS }, (_, seed) =>
  makeProgram(randomOf(seed), STEPS, LATEST),
).flat()
const done = new Set(steps.map((s) => s.do))
/** What opens each connection, and what some handshakes say in its place. */
const ofHandshakes = ['connection.start-ok', 'connection.secure-ok', 'connection.tune-ok', 'connection.open']

describe('programs of the differential torture', () => {
  it.each(fromClient)('have the method %s, or it is exempt', (name) => {
    const there = done.has(name) || (ofHandshakes.includes(name) && done.has('handshake'))
    expect(there).toBe(!(name in exemptMethods))
  })

  const declared = new Map<string, Set<string>>()
  for (const s of steps)
    if (isMethod(s) && s.do === 'queue.declare')
      for (const [name, value] of Object.entries(s.arguments ?? {})) {
        const kind = String(s.arguments?.['x-queue-type'] ?? 'classic')
        for (const what of [kind, JSON.stringify(value)])
          declared.set(name, (declared.get(name) ?? new Set()).add(what))
      }

  it.each(rows)(
    'have the argument $name, with each kind that takes it, or it is exempt',
    ({ name, kinds }) => {
      if (name in exemptArguments) expect(declared.has(name)).toBe(false)
      else expect([...(declared.get(name) ?? [])]).toEqual(expect.arrayContaining([...kinds]))
    },
  )

  it.each(Object.entries(queueArguments))('have each value of %s', (name, { good, bad }) => {
    const values = [...good, ...bad].map((v) => JSON.stringify(v))
    expect([...(declared.get(name) ?? [])]).toEqual(expect.arrayContaining(values))
  })

  const set = new Map<string, Set<string>>()
  for (const s of steps)
    if ('definition' in s)
      for (const [key, value] of Object.entries(s.definition ?? {}))
        for (const what of [s.do, JSON.stringify(value)]) set.set(key, (set.get(key) ?? new Set()).add(what))

  it.each(rows.flatMap(({ policy }) => (policy === undefined ? [] : [policy.key])))(
    'have the policy key %s, for operators too, or it is exempt',
    (key) => {
      if (key in exemptPolicyKeys) expect(set.has(key)).toBe(false)
      else expect([...(set.get(key) ?? [])]).toEqual(expect.arrayContaining(['policy', 'operator policy']))
    },
  )

  it.each(Object.entries(policyKeys))('have each value of the policy key %s', (key, { good, bad }) => {
    const values = [...good, ...bad].map((v) => JSON.stringify(v))
    expect([...(set.get(key) ?? [])]).toEqual(expect.arrayContaining(values))
  })
})
