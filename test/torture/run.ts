/** `npm run torture`: what the tests do for a moment, for as long as one likes. */
import { parseArgs } from 'node:util'
import { crashRounds } from './crash.ts'
import { hostileInputs } from './hostile.ts'

const help = `Usage: npm run torture -- crash [--rounds N] [--seed N]
       npm run torture -- hostile [--inputs N] [--seed N]

crash   Kills the broker (SIGKILL) at random moments under a mixed load on one data folder: confirms, acknowledgements,
        returns, rejects, transactions, TTL and dead letters, length limits, purge, delete and declare again, streams,
        priorities, quorum queues, delayed and deduplicated messages, fanout, large bodies, paging. After each restart
        every queue is compared with the driver's own record: nothing confirmed is lost, nothing is there twice, nothing
        that was settled, purged or rolled back comes back, order is kept, transactions are whole, bodies are whole,
        queues are there or not as was answered.

hostile Sends a broker sessions of AMQP and requests of the HTTP API and of the metrics that are valid but for some changes,
        as a user who is no administrator. The process lives on, logs no failure of its own, has no more than 700 MB of
        memory, and serves a client that publishes, waits for the confirm and takes the message, again and again.

--rounds N   how often it is killed; 100 where nothing is said
--inputs N   sessions and requests; 100,000 where nothing is said
--seed N     repeats the same choices (not the same moments); a random one where nothing is said
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      inputs: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const torture = positionals[0]
  if (values.help === true || (torture !== 'crash' && torture !== 'hostile')) {
    process.stdout.write(help)
    return values.help === true ? 0 : 64
  }
  const count = Number(torture === 'crash' ? (values.rounds ?? 100) : (values.inputs ?? 100_000))
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
    process.stderr.write('--rounds, --inputs and --seed take whole numbers\n')
    return 64
  }
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  return torture === 'crash' ? await crash(count, seed, say) : await hostile(count, seed, say)
}

type Say = (line: string) => void

async function crash(rounds: number, seed: number, say: Say): Promise<number> {
  say(`seed ${seed}, ${rounds} rounds`)
  const problems = await crashRounds({ rounds, seed, say })
  say(problems.length === 0 ? 'nothing lost, nothing mixed up' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

async function hostile(inputs: number, seed: number, say: Say): Promise<number> {
  say(`seed ${seed}, ${inputs} inputs`)
  const problems = await hostileInputs({ inputs, seed, say })
  for (const p of problems) say(p)
  say(problems.length === 0 ? 'it lives, and has served others' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

process.exitCode = await main()
