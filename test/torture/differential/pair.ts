/** A program on both brokers, step by step, and the first difference. */
import { cameTrue } from '../../support/until.ts'
import { type Address, type Chosen, type Named, Side, settlesBy } from './side.ts'
import { isMethod, type MethodStep, type Step } from './step.ts'

export interface Difference {
  readonly at: number
  readonly step: Step
  readonly leveret: readonly string[]
  readonly rabbit: readonly string[]
}

/** What is not equal yet gets so long: RabbitMQ's processes work beside each other. */
const PATIENCE_MS = 1500

/** Looks at lines of both as they are before they are compared; undefined: what remains of the program is left out. */
export type Allow = (step: Step, leveret: readonly string[], rabbit: readonly string[]) => Allowed
/** Equal as far as it goes, or by design with the program going on or not. */
export type Allowed = 'equal' | 'goes on' | 'ends' | 'differs'

export interface Brokers {
  readonly leveret: Address
  readonly rabbit: Address
}

class Pair {
  private readonly leveret: Side
  private readonly rabbit: Side
  private readonly allow: Allow

  constructor(leveret: Side, rabbit: Side, allow: Allow) {
    this.leveret = leveret
    this.rabbit = rabbit
    this.allow = allow
  }

  private get sides(): readonly [Side, Side] {
    return [this.leveret, this.rabbit]
  }

  /** undefined: nothing that the step is about. */
  private choose(step: MethodStep): readonly [Chosen, Chosen] | 'none' | undefined {
    if (step.which === undefined) return 'none'
    const held = this.sides.map((s) => s.clients[step.client]?.sortedHeld() ?? [])
    const multiple = step.fields?.['multiple'] === true
    if (step.which < 0) {
      const nowhere = { tag: 1_000_000, multiple }
      return [nowhere, nowhere]
    }
    if (held[0]?.length === 0 || this.sides.some((s) => s.clients[step.client]?.mixes(settlesBy(step))))
      return undefined
    const tags = held.map((list) => list[(step.which as number) % list.length]?.tag ?? 0)
    const covered = this.sides.map((s, i) =>
      JSON.stringify(
        s.clients[step.client]
          ?.covered(tags[i] as number, multiple)
          .map((h) => h.key)
          .sort(),
      ),
    )
    // Deliveries of several consumers may come in another order: then all of them.
    const tag = multiple && covered[0] !== covered[1] ? [0, 0] : tags
    return [
      { tag: tag[0] as number, multiple },
      { tag: tag[1] as number, multiple },
    ]
  }

  /** Whether the program goes on. */
  async step(
    step: Step,
    patienceMs: number,
  ): Promise<readonly [Allowed, readonly string[], readonly string[]]> {
    const chosen = isMethod(step) ? this.choose(step) : 'none'
    if (chosen === undefined) return ['equal', [], []]
    const [a, b] = chosen === 'none' ? [] : chosen
    await Promise.all([this.leveret.run(step, a), this.rabbit.run(step, b)])
    let [mine, theirs]: [readonly string[], readonly string[]] = [[], []]
    await cameTrue(async () => {
      ;[mine, theirs] = await Promise.all([this.leveret.look(), this.rabbit.look()])
      return this.allow(step, mine, theirs) !== 'differs'
    }, patienceMs)
    return [this.allow(step, mine, theirs), mine, theirs]
  }
}

/** @param count is told how many steps were done. */
export async function compare(
  steps: readonly Step[],
  brokers: Brokers,
  named: Named,
  prefix: string,
  allow: Allow,
  count: (steps: number) => void,
  patienceMs = PATIENCE_MS,
): Promise<Difference | undefined> {
  const leveret = await Side.open(brokers.leveret, named, prefix)
  const rabbit = await Side.open(brokers.rabbit, named, prefix)
  const pair = new Pair(leveret, rabbit, allow)
  try {
    for (const [at, step] of steps.entries()) {
      const [how, mine, theirs] = await pair.step(step, patienceMs)
      count(at + 1)
      if (how === 'differs') return { at, step, leveret: mine, rabbit: theirs }
      if (how === 'ends') return undefined
    }
    return undefined
  } finally {
    await Promise.all([leveret.close(), rabbit.close()])
  }
}
