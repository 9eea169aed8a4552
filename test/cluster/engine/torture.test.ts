/**
 * Real processes that are killed, stopped, cut off and without room, under traffic with a record of its own. `npm run
 * test:cluster` does each once, `npm run torture:cluster` as often as ROUNDS says; FAULTS picks those whose names have
 * that text, and SUMMARY names a file that gets a line for each round.
 */
import { appendFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clusterReport } from '../../support/cluster-report.ts'
import { pause, RealCluster } from '../../support/real-cluster.ts'
import { canMount } from '../../support/small-disk.ts'
import { type Fault, faults, fullDisks } from './faults.ts'
import { Traffic } from './traffic.ts'

const ROUNDS = Number(process.env['ROUNDS'] ?? 1)
const FAULTS = process.env['FAULTS'] ?? ''
const SUMMARY = process.env['SUMMARY']
/** ms of traffic before and after. */
const BEFORE = 1000
const AFTER = 2000
/** More than all waits of a round take together, each of which ends with an error of its own. */
const ROUND_MS_MAX = 600_000

const smallDisks = canMount(tmpdir())
const table: { readonly [name: string]: Fault } = { ...faults, ...(smallDisks ? fullDisks : {}) }
const names = Object.keys(table).filter((name) => name.includes(FAULTS))

let cluster: RealCluster
/** The last round failed: the next one has a cluster of its own, and the old one's folder stays. */
let failed = false
const gaps = new Map<string, number[]>()
let confirmed = 0

async function begin(): Promise<void> {
  cluster = await RealCluster.start({ cables: true, smallDisks })
  await cluster.whole()
}

beforeAll(begin, 120_000)

afterAll(async () => {
  await cluster?.stop(failed)
  for (const [fault, ms] of gaps) {
    const sorted = ms.sort((a, b) => a - b)
    const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
    process.stdout.write(
      `${fault}: ${sorted.length} rounds, longest pause median ${at(0.5)} ms, worst ${at(1)} ms\n`,
    )
  }
  process.stdout.write(`${confirmed} messages were confirmed\n`)
})

/** Problems that the record shows. */
async function tryFault(name: string): Promise<string[]> {
  const traffic = new Traffic(cluster.urls)
  const restarted = cluster.serversRestarted
  const ended = cluster.brokersRestarted
  try {
    await traffic.start()
    await pause(BEFORE)
    await (table[name] as Fault)(cluster)
    await cluster.serving()
    await pause(AFTER)
    await cluster.whole()
    await traffic.finish()
  } finally {
    traffic.stop()
  }
  const longest = Math.max(0, ...traffic.gaps)
  gaps.set(name, [...(gaps.get(name) ?? []), longest])
  confirmed += traffic.confirmed.size
  if (traffic.confirmed.size <= 100) traffic.problems.push(`only ${traffic.confirmed.size} were confirmed`)
  note(
    `${name}: ${longest} ms, ${traffic.confirmed.size} confirmed, ${traffic.committed.size} committed; ${traffic.problems.slice(0, 10).join('; ') || 'good'}${cluster.serversRestarted > restarted ? '; a server was started again' : ''}${cluster.brokersRestarted > ended ? '; a broker ended by itself' : ''}`,
  )
  return traffic.problems
}

function note(line: string): void {
  if (SUMMARY !== undefined) appendFileSync(SUMMARY, `${new Date().toISOString()} ${line}\n`)
}

describe('a cluster of processes', () => {
  for (let round = 1; round <= ROUNDS; round++)
    it.each(names)(
      `round ${round}: %s`,
      async (name) => {
        if (failed) {
          await cluster.stop(true)
          await begin()
          failed = false
        }
        try {
          expect((await tryFault(name)).slice(0, 10)).toEqual([])
        } catch (error) {
          failed = true
          note(`${name}: failed: ${(error as Error).message.slice(0, 300)}`)
          process.stdout.write(await clusterReport(cluster))
          throw error
        }
      },
      ROUND_MS_MAX,
    )
})
