/**
 * A simulation of the broker's model against an oracle: seeded clients, a clock that is told the time, no sockets, and
 * memory for a disk. A seed always does the same; where the two differ, the shortest steps that still show it are said.
 */
import { SimulatedBroker, type SimulatedOptions } from './model-broker.ts'
import type { Mark } from './model-marks.ts'
import { Oracle } from './model-oracle.ts'
import { CLIENTS, makeSteps, QUEUES, type Step } from './model-steps.ts'
import { randomOf } from './random.ts'

const PROBLEMS_MAX = 3
/** Messages that a queue is emptied of, one by one, at the end. */
const DRAINED_MAX = 1000

export interface Marks {
  readonly reached: Map<Mark, number>
  /** Steps done. */
  steps: number
}

export function noMarks(): Marks {
  return { reached: new Map(), steps: 0 }
}

/** A run of both sides. */
class Simulation {
  /** The steps that were done. */
  readonly done: Step[] = []
  private readonly broker: SimulatedBroker
  private readonly oracle: Oracle
  private readonly marks: Marks
  private expired = false
  private writes = 0

  constructor(options: SimulatedOptions, marks: Marks) {
    this.broker = new SimulatedBroker(options)
    this.marks = marks
    this.oracle = new Oracle(this.broker.clock.now(), options.keeps, (m) => this.note(m))
  }

  private note(m: Mark): void {
    if (m === 'expired') this.expired = true
    else this.marks.reached.set(m, (this.marks.reached.get(m) ?? 0) + 1)
  }

  /** What differs. Does so many of the steps, without those for which there is nothing that they are about. */
  async run(steps: Iterable<Step>, count: number): Promise<string | undefined> {
    try {
      await this.broker.endTurn()
      for (const step of steps) {
        if (this.done.length === count) break
        if (!this.allows(step)) continue
        this.done.push(step)
        this.marks.steps++
        const problem = await this.step(step)
        if (problem !== undefined) return `${lineOf(step)}\n${problem}`
      }
      return await this.drain()
    } catch (error) {
      return (error as Error).stack ?? String(error)
    } finally {
      this.broker.stop()
    }
  }

  private allows(step: Step): boolean {
    if (step.do === 'restart' && !this.broker.keeps) return false
    return this.oracle.allows(step)
  }

  private async step(step: Step): Promise<string | undefined> {
    const { reads } = this.broker
    this.expired = false
    const problem = step.do === 'restart' ? await this.restart(step.writes) : await this.ordinary(step)
    if (this.broker.reads === reads || step.do === 'restart') return problem
    this.note('paged out and read again')
    if (this.expired) this.note('expires while paged out')
    return problem
  }

  private async restart(writes: boolean): Promise<string | undefined> {
    const before = writes ? ((await this.endTurn()) ?? (await this.flush())) : undefined
    if (before !== undefined) return before
    await this.broker.restart()
    this.oracle.do({ do: 'restart', writes, client: 0, goesOn: false })
    return await this.endTurn()
  }

  private async ordinary(step: Step): Promise<string | undefined> {
    const { oracle, broker } = this
    // Time passes between turns, and no batch begins in between.
    const apart = step.do === 'wait' || step.do === 'policy'
    const before = apart ? ((await this.endTurn()) ?? (await this.flush())) : undefined
    if (before !== undefined) return before
    const found =
      step.do === 'settle'
        ? oracle.deliveryOf(step)?.tag
        : step.do === 'cancel'
          ? oracle.consumerOf(step)?.tag
          : undefined
    const existing = step.do === 'declare' ? oracle.queues.get(step.queue) : undefined
    const done: Step = existing !== undefined ? ({ ...step, args: existing.declared } as Step) : step
    broker.do(done, found ?? 0)
    oracle.do(done)
    if (apart) return await this.endTurn()
    return this.differences() ?? (step.goesOn ? undefined : await this.endTurn())
  }

  private async flush(): Promise<string | undefined> {
    await this.broker.flush()
    return this.compare()
  }

  private async endTurn(): Promise<string | undefined> {
    await this.broker.endTurn()
    return this.compare()
  }

  private compare(): string | undefined {
    const { oracle, broker } = this
    oracle.endTurn()
    if (broker.writes !== this.writes) oracle.save()
    this.writes = broker.writes
    const heard = this.differences()
    if (heard !== undefined) return heard
    const confirmed = broker.clients.flatMap((c) => c.confirmed.splice(0))
    const expected = oracle.confirmed.splice(0)
    const counts = [...oracle.queues.values()].map(
      (q) => `${q.name} ${q.ready.length} ${q.unacked} ${q.consumers.length}`,
    )
    return differ('confirms', confirmed, expected) ?? differ('counts', broker.counts(), counts)
  }

  private differences(): string | undefined {
    for (let i = 0; i < CLIENTS; i++) {
      const heard = this.broker.clients[i]?.heard.splice(0) ?? []
      const expected = this.oracle.heard[i]?.splice(0) ?? []
      const problem = differ(`client ${i}`, heard, expected)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Everything comes back and is taken, in its order. */
  private async drain(): Promise<string | undefined> {
    for (let client = 0; client < CLIENTS; client++) {
      const problem = await this.step({ do: 'close', client, goesOn: false })
      if (problem !== undefined) return `closed at the end\n${problem}`
    }
    for (const queue of QUEUES)
      for (let i = 0; i < DRAINED_MAX && this.broker.has(queue); i++) {
        if ((this.oracle.queues.get(queue)?.ready.length ?? 0) === 0) break
        const problem = await this.step({ do: 'get', queue, noAck: true, client: 1, goesOn: false })
        if (problem !== undefined) return `emptied at the end\n${problem}`
      }
    return undefined
  }
}

function differ(what: string, is: readonly string[], expected: readonly string[]): string | undefined {
  if (is.length === expected.length && is.every((line, i) => line === expected[i])) return undefined
  const list = (lines: readonly string[]): string => lines.map((l) => `    ${l}`).join('\n')
  return `${what}: the broker has\n${list(is)}\n  and the oracle\n${list(expected)}`
}

function lineOf(step: Step): string {
  return JSON.stringify(step)
}

/** What differs. */
export function simulate(steps: readonly Step[], keeps = false): Promise<string | undefined> {
  return new Simulation({ keeps }, noMarks()).run(steps, Number.POSITIVE_INFINITY)
}

/** Fewer steps that still fail: pieces are left out, large ones first, as long as that helps. */
export async function shrink<T>(
  steps: readonly T[],
  fails: (steps: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let least = steps
  for (let size = Math.ceil(steps.length / 2); size >= 1; ) {
    const before = least.length
    for (let at = 0; at < least.length; ) {
      const without = [...least.slice(0, at), ...least.slice(at + size)]
      if (await fails(without)) least = without
      else at += size
    }
    if (size === 1 && least.length === before) break
    size = size === 1 ? 1 : Math.ceil(size / 2)
  }
  return least
}

/** Of three seeds two have a disk, and the broker ends and begins again. */
const keepsIn = (seed: number): boolean => seed % 3 !== 0

/** Returns what is wrong with the seed, with the steps that show it. */
async function modelSeed(seed: number, count: number, marks: Marks): Promise<string | undefined> {
  const keeps = keepsIn(seed)
  const whole = new Simulation({ keeps }, marks)
  if ((await whole.run(makeSteps(randomOf(seed)), count)) === undefined) return undefined
  const least = await shrink(whole.done, async (some) => (await simulate(some, keeps)) !== undefined)
  const what = await simulate(least, keeps)
  return [`seed ${seed} (--steps ${count}):`, ...least.map(lineOf), 'differs at', what].join('\n')
}

/** Ends after some problems. */
export async function modelSeeds(
  first: number,
  seeds: number,
  steps: number,
  marks: Marks,
): Promise<string[]> {
  const problems: string[] = []
  for (let seed = first; seed < first + seeds && problems.length < PROBLEMS_MAX; seed++) {
    const problem = await modelSeed(seed, steps, marks)
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}
