/**
 * A simulation of the broker's model against an oracle: seeded clients, a clock that is told the time, no sockets and no
 * disk. A seed always does the same; where the two differ, the shortest steps that still show it are said.
 */
import { SimulatedBroker } from './model-broker.ts'
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
  private readonly broker = new SimulatedBroker()
  private readonly oracle: Oracle
  private readonly marks: Marks

  constructor(marks: Marks) {
    this.marks = marks
    const note = (m: Mark): void => void marks.reached.set(m, (marks.reached.get(m) ?? 0) + 1)
    this.oracle = new Oracle(this.broker.clock.now(), note)
  }

  /** What differs. */
  run(steps: readonly Step[]): string | undefined {
    try {
      for (const step of steps) {
        const problem = this.step(step)
        if (problem !== undefined) return `${lineOf(step)}\n${problem}`
      }
      return this.drain()
    } catch (error) {
      return (error as Error).stack ?? String(error)
    } finally {
      this.broker.stop()
    }
  }

  private step(step: Step): string | undefined {
    const { oracle, broker } = this
    if (!oracle.allows(step)) return undefined
    this.marks.steps++
    // Time passes between turns.
    const before = step.do === 'wait' ? this.endTurn() : undefined
    if (before !== undefined) return before
    const found =
      step.do === 'settle'
        ? oracle.deliveryOf(step)?.tag
        : step.do === 'cancel'
          ? oracle.consumerOf(step)?.tag
          : undefined
    const existing = step.do === 'declare' ? oracle.queues.get(step.queue) : undefined
    const done: Step = existing !== undefined ? ({ ...step, args: existing.args } as Step) : step
    broker.do(done, found ?? 0)
    oracle.do(done)
    if (step.do === 'wait') return this.endTurn()
    return this.differences() ?? (step.goesOn ? undefined : this.endTurn())
  }

  private endTurn(): string | undefined {
    const { oracle, broker } = this
    broker.endTurn()
    oracle.endTurn()
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
  private drain(): string | undefined {
    for (let client = 0; client < CLIENTS; client++) {
      const problem = this.step({ do: 'close', client, goesOn: false })
      if (problem !== undefined) return `closed at the end\n${problem}`
    }
    for (const queue of QUEUES)
      for (let i = 0; i < DRAINED_MAX && this.broker.has(queue); i++) {
        if ((this.oracle.queues.get(queue)?.ready.length ?? 0) === 0) break
        const problem = this.step({ do: 'get', queue, noAck: true, client: 1, goesOn: false })
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

export function simulate(steps: readonly Step[], marks: Marks = noMarks()): string | undefined {
  return new Simulation(marks).run(steps)
}

/** Fewer steps that still fail: pieces are left out, large ones first, as long as that helps. */
export function shrink<T>(steps: readonly T[], fails: (steps: readonly T[]) => boolean): readonly T[] {
  let least = steps
  for (let size = Math.ceil(steps.length / 2); size >= 1; ) {
    const before = least.length
    for (let at = 0; at < least.length; ) {
      const without = [...least.slice(0, at), ...least.slice(at + size)]
      if (fails(without)) least = without
      else at += size
    }
    if (size === 1 && least.length === before) break
    size = size === 1 ? 1 : Math.ceil(size / 2)
  }
  return least
}

/** Returns what is wrong with the seed, with the steps that show it. */
function modelSeed(seed: number, count: number, marks: Marks = noMarks()): string | undefined {
  const steps = makeSteps(randomOf(seed), count)
  if (simulate(steps, marks) === undefined) return undefined
  const least = shrink(steps, (some) => simulate(some) !== undefined)
  return [`seed ${seed} (--steps ${count}):`, ...least.map(lineOf), 'differs at', simulate(least)].join('\n')
}

/** Ends after some problems. */
export function modelSeeds(first: number, seeds: number, steps: number, marks: Marks): string[] {
  const problems: string[] = []
  for (let seed = first; seed < first + seeds && problems.length < PROBLEMS_MAX; seed++) {
    const problem = modelSeed(seed, steps, marks)
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}
