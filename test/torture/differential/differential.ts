/** Random programs on Leveret and on RabbitMQ: seeds, the fewest steps that differ, and whether RabbitMQ agrees with itself. */
import { createBroker, type RunningBroker } from '../../../src/index.ts'
import { MethodId } from '../../../src/protocol/generated/constants.ts'
import { startOracle } from '../../support/oracle.ts'
import { Wire } from '../../support/wire.ts'
import { shrink } from '../model.ts'
import { randomOf } from '../random.ts'
import { Differences } from './differences.ts'
import { named } from './known.ts'
import { type Brokers, compare, type Difference } from './pair.ts'
import { makeProgram } from './program.ts'
import type { Step } from './step.ts'

const PROBLEMS_MAX = 3
/** A difference that is not there each time is a race within RabbitMQ. */
const REPEATS = 3
/** How long is waited for what is not equal, while steps are left out. */
const SHRINKING_MS = 300
/** Of the RabbitMQ that the command starts. */
const PORT = 5698

export interface Found {
  steps: number
  /** Seeds in which RabbitMQ does now one thing, now the other. */
  readonly races: string[]
  readonly problems: string[]
}

export class Differential {
  readonly found: Found = { steps: 0, races: [], problems: [] }
  readonly differences: Differences
  readonly version: readonly number[]
  private readonly brokers: Brokers
  private readonly own: RunningBroker
  private readonly stopRabbit: () => Promise<void>
  private programs = 0

  private constructor(
    brokers: Brokers,
    own: RunningBroker,
    version: readonly number[],
    stop: () => Promise<void>,
  ) {
    this.brokers = brokers
    this.own = own
    this.version = version
    this.differences = new Differences(version)
    this.stopRabbit = stop
  }

  /** With the RabbitMQ at LEVERET_TEST_URL and LEVERET_TEST_HTTP, or one of its own. */
  static async start(): Promise<Differential> {
    const { LEVERET_TEST_URL: url, LEVERET_TEST_HTTP: http } = process.env
    const oracle = url === undefined || http === undefined ? await startOracle(PORT) : undefined
    const rabbit = oracle ?? { url: String(url), http: String(http) }
    const productVersion = await versionOf(rabbit.url)
    // Leveret does as the release that it announces.
    const own = await createBroker({ port: 0, managementPort: 0, productVersion })
    const leveret = { url: own.url, http: `http://127.0.0.1:${own.managementPort}` }
    const version = productVersion.split('.').map(Number)
    return new Differential({ leveret, rabbit }, own, version, async () => oracle?.stop())
  }

  async close(): Promise<void> {
    await this.own.close()
    await this.stopRabbit()
  }

  private async differs(steps: readonly Step[], patienceMs?: number): Promise<Difference | undefined> {
    this.programs++
    const prefix = `d${process.pid}-${this.programs}-`
    let done = 0
    const count = (n: number): void => {
      done = n
    }
    const difference = await compare(
      steps,
      this.brokers,
      named,
      prefix,
      this.differences.allow,
      count,
      patienceMs,
    )
    this.found.steps += done
    return difference
  }

  /** Each time. */
  private async alwaysDiffers(steps: readonly Step[]): Promise<Difference | undefined> {
    let last: Difference | undefined
    for (let i = 0; i < REPEATS; i++) {
      last = await this.differs(steps)
      if (last === undefined) return undefined
    }
    return last
  }

  program(seed: number, count: number): readonly Step[] {
    return makeProgram(randomOf(seed), count, this.version)
  }

  /** What differs, with the fewest steps. */
  async replay(steps: readonly Step[]): Promise<string | undefined> {
    const first = await this.differs(steps)
    if (first === undefined) return undefined
    const again = await this.alwaysDiffers(steps.slice(0, first.at + 1))
    if (again === undefined) {
      this.found.races.push(told(first))
      return undefined
    }
    const enough = steps.slice(0, again.at + 1)
    const least = await shrink(enough, async (some) => (await this.differs(some, SHRINKING_MS)) !== undefined)
    const last = (await this.alwaysDiffers(least)) ?? again
    return [...least.map((s) => JSON.stringify(s)), told(last)].join('\n')
  }

  /** Ends after some problems. */
  async seeds(first: number, count: number, steps: number): Promise<void> {
    const { problems } = this.found
    for (let seed = first; seed < first + count && problems.length < PROBLEMS_MAX; seed++) {
      const races = this.found.races.length
      const problem = await this.replay(this.program(seed, steps))
      if (problem !== undefined) problems.push(`seed ${seed} (--steps ${steps}):\n${problem}`)
      const race = this.found.races.length > races ? this.found.races.pop() : undefined
      if (race !== undefined) this.found.races.push(`seed ${seed}: ${race}`)
    }
  }
}

function told({ at, step, leveret, rabbit }: Difference): string {
  const only = (a: readonly string[], b: readonly string[]): string[] =>
    a.filter((l) => !b.includes(l)).map((l) => `    ${l}`)
  const [mine, theirs] = [only(leveret, rabbit), only(rabbit, leveret)]
  const order =
    mine.length + theirs.length === 0
      ? ['  the order of', ...leveret.map((l) => `    ${l}`), '  and', ...rabbit.map((l) => `    ${l}`)]
      : []
  const lines = [
    `differs at step ${at + 1}: ${JSON.stringify(step)}`,
    '  Leveret has',
    ...mine,
    '  RabbitMQ has',
    ...theirs,
    ...order,
  ]
  return lines.join('\n')
}

/** As it tells clients. */
async function versionOf(url: string): Promise<string> {
  const w = await Wire.socket(url)
  w.write(Buffer.from('AMQP\x00\x00\x09\x01', 'latin1'))
  const { serverProperties } = await w.expect(0, MethodId.ConnectionStart)
  w.socket.destroy()
  return serverProperties.text('version') ?? ''
}
