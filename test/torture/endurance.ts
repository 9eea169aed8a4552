/**
 * Endurance: everything that a broker has comes and goes for hours, and what the process has is measured every so often. A
 * figure is flat where its last median is not above the one behind the warm-up by more than its tolerance.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import { cameTrue } from '../support/until.ts'
import { chart, shown } from './chart.ts'
import { Churn, type Part, type Place } from './churn.ts'
import { api, httpParts } from './churn-http.ts'
import { messageParts } from './churn-messages.ts'
import { topologyParts } from './churn-topology.ts'
import { type Series, trendOf } from './trend.ts'
import { asPackaged, DelayProbe, endOf, failuresIn, INSIDE, type Vitals, vitalsOf } from './vitals.ts'

export interface EnduranceOptions {
  /** Until there are so many samples. */
  readonly samples: number
  /** Between two of them. */
  readonly everyMs: number
  readonly seed: number
  /** By which the pauses of all parts are multiplied; less is more load. */
  readonly pace: number
  readonly say?: (line: string) => void
  /** Where `endurance.json` and `endurance.svg` go, if anywhere. */
  readonly out?: string
}

export interface Endured {
  readonly problems: string[]
  readonly samples: readonly Vitals[]
  /** Pieces done, by the name of their part. */
  readonly done: ReadonlyMap<string, number>
}

export const parts: readonly Part[] = [...topologyParts, ...messageParts, ...httpParts]

/** What goes by itself has so long for it at the end. */
const GONE_MS = 30_000
const PROBE_MS = 50

/** The tolerances: what a window of the same load may differ by, from run to run. */
export function seriesOf(samples: readonly Vitals[]): Series[] {
  const of = (
    name: string,
    unit: Series['unit'],
    share: number,
    more: number,
    value: (v: Vitals) => number,
  ): Series => ({ name, unit, share, more, values: samples.map(value) })
  return [
    of('heap behind a collection', 'MB', 0.1, 3e6, (v) => v.heapBytes),
    of('resident memory of its own', 'MB', 0.15, 16e6, (v) => v.ownBytes),
    of('file descriptors', '', 0.1, 8, (v) => v.descriptors),
    of('active handles', '', 0.1, 16, (v) => v.handles),
    of('data folder on the disk', 'MB', 0.25, 64e6, (v) => v.folderBytes),
    of('answer to a basic.get, median', 'ms', 1, 10, (v) => v.delayMs),
    of('answer to a basic.get, longest', 'ms', 2, 250, (v) => v.longestDelayMs),
  ]
}

export async function endurance(o: EnduranceOptions): Promise<Endured> {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-endurance-'))
  const more = ['--management-port', '0', '--metrics-port', '0']
  const broker = await startProcess(join(dir, 'data'), 0, more, asPackaged, INSIDE)
  try {
    const endured = await run(broker, join(dir, 'data'), o)
    endured.problems.push(...(await endOf(broker)))
    return endured
  } finally {
    await broker.stop('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
}

function placeOf(broker: BrokerProcess): Place {
  const at = (port?: number): string => `http://127.0.0.1:${port}`
  return { url: broker.url, http: at(broker.managementPort), metrics: at(broker.metricsPort) }
}

async function run(broker: BrokerProcess, dataDir: string, o: EnduranceOptions): Promise<Endured> {
  const { say = () => {} } = o
  const place = placeOf(broker)
  const probe = await DelayProbe.on(place.url, PROBE_MS)
  const churn = new Churn(place, parts, o.seed, o.pace)
  const samples: Vitals[] = []
  const began = performance.now()
  const next = (): number => began + (samples.length + 1) * o.everyMs
  while (samples.length < o.samples && churn.problems.length === 0) {
    await cameTrue(
      () => performance.now() >= next() || churn.problems.length > 0,
      Number.MAX_SAFE_INTEGER,
      20,
    )
    const v = await vitalsOf(broker, dataDir, probe, (performance.now() - began) / 1000)
    samples.push(v)
    broker.lines.splice(0, broker.lines.length, ...failuresIn(broker))
    say(
      `${v.at.toFixed(0)} s: heap ${shown(v.heapBytes, 'MB')}, own ${shown(v.ownBytes, 'MB')}, ${v.descriptors} ` +
        `descriptors, ${v.handles} handles, disk ${shown(v.folderBytes, 'MB')}, ${shown(v.delayMs, 'ms')} ` +
        `(${shown(v.longestDelayMs, 'ms')}); ${churn.pieces} pieces`,
    )
  }
  const problems = await churn.end()
  problems.push(...(await left(place)))
  await probe.end()
  problems.push(...failuresIn(broker).slice(0, 20), ...uneven(samples, say))
  if (o.out !== undefined) write(o.out, samples, churn)
  return { problems, samples, done: churn.done }
}

/** Behind the last piece nothing is left of what comes and goes. */
async function left(place: Place): Promise<string[]> {
  const passing = /^(churn|policed|delayed|large|rejected|rejected-dead|x|auto|brief)\.\d/
  let there: string[] = []
  const look = async (): Promise<boolean> => {
    const lists = ['queues', 'exchanges', 'vhosts', 'users', 'policies', 'connections', 'channels']
    there = []
    for (const list of lists)
      for (const { name } of (await api(place, 'GET', list)) as { name: string }[]) {
        if (list === 'connections' || list === 'channels' || passing.test(name) || /^churn-\d/.test(name))
          there.push(`${list} ${name}`)
      }
    // The probe's own connection and channel.
    return there.length <= 2
  }
  return (await cameTrue(look, GONE_MS, 100)) ? [] : [`left behind: ${there.slice(0, 10).join(', ')}`]
}

function uneven(samples: readonly Vitals[], say: (line: string) => void): string[] {
  const problems: string[] = []
  for (const s of seriesOf(samples)) {
    const { early, late, bound, isFlat } = trendOf(s)
    const text = `${s.name}: ${shown(early, s.unit)}, at the end ${shown(late, s.unit)}, at most ${shown(bound, s.unit)}`
    say(text)
    if (!isFlat) problems.push(`not flat: ${text}`)
  }
  return problems
}

function write(out: string, samples: readonly Vitals[], churn: Churn): void {
  const series = seriesOf(samples)
  const trends = series.map((s) => trendOf(s))
  const file = join(out, 'endurance')
  const content = { date: new Date().toISOString(), trends, done: Object.fromEntries(churn.done), samples }
  writeFileSync(`${file}.json`, `${JSON.stringify(content, undefined, 1)}\n`)
  const minutes = ((samples.at(-1)?.at ?? 0) / 60).toFixed(0)
  const title = `Endurance, ${minutes} minutes, ${churn.pieces} pieces of work, ${content.date.slice(0, 10)}`
  writeFileSync(
    `${file}.svg`,
    chart(
      title,
      samples.map((v) => v.at),
      series,
    ),
  )
}
