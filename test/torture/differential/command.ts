/** `npm run torture -- differential`. */
import { readFileSync } from 'node:fs'
import { Differential } from './differential.ts'
import type { Step } from './step.ts'

export const differentialHelp = `differential   Random programs of AMQP's methods, with arguments, properties and policies, step by step on a Leveret and on a
        RabbitMQ: Debian's rabbitmq-server, or the one at LEVERET_TEST_URL and LEVERET_TEST_HTTP (with user guest, and nothing
        else going on there). Behind each step both have the same answers, closes, deliveries with all their properties,
        returns, confirms and counts, or a row in test/torture/differential/differences.ts says why not. The first difference
        is said with the fewest steps that show it, of which --replay takes a file; what RabbitMQ does now so, now otherwise is
        counted as a race.
`

interface More {
  readonly steps: number
  readonly replay: string | undefined
}

export async function differential(
  seeds: number,
  first: number,
  say: (line: string) => void,
  { steps, replay }: More,
): Promise<number> {
  const d = await Differential.start()
  try {
    say(`RabbitMQ ${d.version.join('.')}`)
    if (replay !== undefined) {
      const lines = readFileSync(replay, 'utf8').split('\n')
      const problem = await d.replay(lines.filter((l) => l.startsWith('{')).map((l) => JSON.parse(l) as Step))
      if (problem !== undefined) d.found.problems.push(problem)
    } else await d.seeds(first, seeds, steps)
    const { found, differences } = d
    for (const [{ reason }, times] of differences.used) say(`${String(times).padStart(10)}  ${reason}`)
    for (const { reason } of differences.unused) say(`         -  ${reason}`)
    for (const r of found.races) say(r)
    say(
      `${found.steps} steps of ${seeds} seeds from ${first} on; ${found.races.length} races within RabbitMQ`,
    )
    for (const p of found.problems) say(p)
    say(found.problems.length === 0 ? 'both do the same' : `${found.problems.length} problems`)
    return found.problems.length === 0 ? 0 : 1
  } finally {
    await d.close()
  }
}
