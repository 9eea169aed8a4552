/** `npm run torture`: what the tests do for a moment, for as long as one likes. */
import { parseArgs } from 'node:util'
import { crashRounds } from './crash.ts'

const help = `Usage: npm run torture -- crash [--rounds N] [--seed N]

crash   Kills the broker (SIGKILL) at random moments under a mixed load on one data folder: confirms, acknowledgements,
        returns, rejects, transactions, TTL and dead letters, length limits, purge, delete and declare again, streams,
        priorities, quorum queues, delayed and deduplicated messages, fanout, large bodies, paging. After each restart
        every queue is compared with the driver's own record: nothing confirmed is lost, nothing is there twice, nothing
        that was settled, purged or rolled back comes back, order is kept, transactions are whole, bodies are whole,
        queues are there or not as was answered.

--rounds N   how often it is killed; 100 where nothing is said
--seed N     repeats the same choices (not the same moments); a random one where nothing is said
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } },
  })
  if (values.help === true || positionals[0] !== 'crash') {
    process.stdout.write(help)
    return values.help === true ? 0 : 64
  }
  const rounds = Number(values.rounds ?? 100)
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
    process.stderr.write('--rounds and --seed take whole numbers\n')
    return 64
  }
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say(`seed ${seed}, ${rounds} rounds`)
  const problems = await crashRounds({ rounds, seed, say })
  say(problems.length === 0 ? 'nothing lost, nothing mixed up' : `${problems.length} problems`)
  return problems.length === 0 ? 0 : 1
}

process.exitCode = await main()
