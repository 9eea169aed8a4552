/**
 * What a conformance test runs against: the AMQP URL in LEVERET_TEST_URL (a real RabbitMQ, the oracle), or a Leveret of
 * the test file's own.
 */
import { afterAll, beforeAll, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'

const given = process.env['LEVERET_TEST_URL']

/** True where the tests run against RabbitMQ. */
export const onOracle = given !== undefined

export interface Target {
  readonly url: string
}

/** Call once in a test file. */
export function useTarget(): Target {
  let broker: RunningBroker | undefined
  const target = { url: given ?? '' }
  beforeAll(async () => {
    if (given !== undefined) return
    broker = await createBroker({ port: 0 })
    target.url = broker.url
  })
  afterAll(async () => {
    await broker?.close()
  })
  return target
}

/**
 * A test of something in which Leveret and Debian's RabbitMQ (3.10) differ on purpose; it does not run against the
 * oracle. The reason is for the reader: docs/compatibility.md lists these differences.
 */
export function differs(reason: string): typeof it {
  return (onOracle && reason !== '' ? it.skipIf(true) : it) as typeof it
}

let names = 0

/** A name that no other test uses, also where the broker outlives the run. */
export function fresh(what: string): string {
  names++
  return `test-${what}-${process.pid}-${Date.now().toString(36)}-${names}`
}
