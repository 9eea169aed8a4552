/** `leveret migrate`: moves everything from another broker into this one, or vice versa. */
import { counted } from '../../util/counted.ts'
import { elapsed } from '../../util/timers.ts'
import type { Command, Context, Result } from '../ctl/command.ts'
import { numberOption, timeoutOption } from '../ctl/command.ts'
import { shownOn } from '../ctl/shown.ts'
import type { Source } from './amqp.ts'
import type { End, Move } from './ends.ts'
import type { Plan } from './plan.ts'
import type { Outcome } from './run.ts'

const PARALLEL = 8
const PARALLEL_MAX = 64
/** Response timeout in ms: the definitions of a large broker take a while. */
const ANSWER_MS = 60_000
const MANAGEMENT_PORT = 15_672
/** RabbitMQ collects statistics every five seconds. */
const LAG_MS = 6000

const said = (text: string): void => void process.stderr.write(shownOn(process.stderr, `${text}\n`))

interface Ends {
  readonly leveret: End
  readonly other: End
  readonly amqp: Source
}

async function ends(
  c: Context,
  waits: (what: string | undefined) => void,
  signal: AbortSignal,
): Promise<Ends> {
  const [{ End }, { Source }] = await Promise.all([import('./ends.ts'), import('./amqp.ts')])
  const text = (name: string): string | undefined => c.options[name] as string | undefined
  const amqp = new Source(c.args[0] as string, waits, signal)
  const login = `${encodeURIComponent(amqp.user)}:${encodeURIComponent(amqp.password)}@`
  const host = amqp.host.includes(':') ? `[${amqp.host}]` : amqp.host
  const given = text('management') ?? `http://${host}:${MANAGEMENT_PORT}`
  // The login of the AMQP URI applies to a management URL without one.
  const url = /^[a-z]+:\/\/[^/?#]*@/i.test(given) ? given : given.replace('://', `://${login}`)
  const seconds = timeoutOption(c) ?? ANSWER_MS / 1000
  const timeoutMs = seconds === Number.POSITIVE_INFINITY ? undefined : seconds * 1000
  const caFile = text('ca-file')
  const { dataDir, url: own } = c.client.target
  return {
    amqp,
    other: new End(shown(url), { url, dataDir, caFile, timeoutMs }, waits, signal),
    leveret: new End(
      own === undefined ? 'the Leveret' : shown(own),
      { ...c.client.target, timeoutMs },
      waits,
      signal,
    ),
  }
}

/** The URL without user and password. */
function shown(url: string): string {
  return url.replace(/^[a-z]+:\/\/(?:.*@)?([^/?#]*).*$/i, '$1')
}

function planText(move: Move, { fitted, vhosts, queues, notes }: Plan): string {
  const { users, exchanges, bindings, policies } = fitted.definitions
  const streams = queues.filter((q) => q.type === 'stream')
  const sum = (rows: readonly { messages?: number }[]): string =>
    counted(
      rows.reduce((n, q) => n + (q.messages ?? 0), 0),
      'message',
    )
  const work = queues.filter((q) => q.type !== 'stream')
  const objects = [
    counted(vhosts.length, 'vhost'),
    counted(users.length, 'user'),
    counted(exchanges.length, 'exchange'),
    counted(bindings.length, 'binding'),
    counted(policies.length, 'policy', 'policies'),
  ]
  const lines = [
    `From ${move.from.name} to ${move.to.name}:`,
    `  ${objects.join(', ')}`,
    `  ${counted(work.length, 'queue')} with ${sum(work)}, to be moved`,
    `  ${counted(streams.length, 'stream')} with ${sum(streams)}, to be copied`,
    notes.length === 0 ? 'No differences.' : 'Differences:',
    ...notes.map((n) => `  - ${n}`),
  ]
  return lines.map((l) => `${l}\n`).join('')
}

async function migrate(c: Context): Promise<Result> {
  const { usage, failure, Interrupted } = await import('./ends.ts')
  const parallel = numberOption(c, 'parallel') ?? PARALLEL
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > PARALLEL_MAX)
    throw usage(`--parallel takes a number from 1 to ${PARALLEL_MAX}`)
  const abort = new AbortController()
  const stop = (): void => abort.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  let waits: (what: string | undefined) => void = () => {}
  const all = await ends(c, (what) => waits(what), abort.signal)
  try {
    return await moveAll(c, all, parallel, abort.signal, (f) => {
      waits = f
    })
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    throw failure('interrupted; run the same command again to continue')
  } finally {
    await all.amqp.close()
    process.removeListener('SIGINT', stop)
    process.removeListener('SIGTERM', stop)
  }
}

async function moveAll(
  c: Context,
  all: Ends,
  parallel: number,
  signal: AbortSignal,
  hear: (waits: (what: string | undefined) => void) => void,
): Promise<Result> {
  const [{ makePlan }, { Progress }, { Run }, { writeDefinitions, writeShovels }] = await Promise.all([
    import('./plan.ts'),
    import('./progress.ts'),
    import('./run.ts'),
    import('./definitions.ts'),
  ])
  const out = c.options['out'] === true
  const { leveret, other, amqp } = all
  const only = amqp.vhost ?? (c.options['vhost'] as string | undefined)
  const isLeveret =
    out || (await other.get<{ leveret_version?: string }>('overview', {})).leveret_version !== undefined
  const move: Move = {
    ...all,
    out,
    from: out ? leveret : other,
    to: out ? other : leveret,
    vhost: only,
    lagMs: isLeveret ? 0 : LAG_MS,
  }
  const plan = await makePlan(move)
  if (c.options['dry-run'] === true) return { text: planText(move, plan) }
  const quiet = c.options['quiet'] === true || c.options['silent'] === true
  if (!quiet) said(planText(move, plan).trimEnd())
  leveret.patient = true
  other.patient = true
  const since = elapsed()
  const progress = new Progress(quiet ? { write: () => {} } : process.stderr, since)
  const run = new Run(move, plan, progress, parallel, signal)
  hear((what) => {
    run.waits = what
    run.show()
  })
  try {
    await writeDefinitions(move, plan.fitted)
    const outcome = await run.all()
    if (outcome.failed.length === 0) await writeShovels(move, plan.fitted)
    progress.end()
    return await result(outcome, elapsed() - since)
  } finally {
    progress.end()
  }
}

async function result({ moved, queues, streams, failed, notes }: Outcome, ms: number): Promise<Result> {
  const [{ duration }, { failure }] = await Promise.all([import('./progress.ts'), import('./ends.ts')])
  const owners = [queues > 0 ? counted(queues, 'queue') : '', streams > 0 ? counted(streams, 'stream') : '']
  const from = owners.filter((text) => text !== '').join(' and ')
  const what = `${counted(moved, 'message')}${from === '' ? '' : ` of ${from}`}`
  const text = `${what} moved in ${duration(ms)}.\n`
  if (failed.length === 0) return { text, notes }
  const lines = failed.map((j) => `  '${j.queue.name}' in vhost '${j.queue.vhost}': ${j.note}`)
  throw failure(`${text}Not moved:\n${lines.join('\n')}`)
}

export const migration: Readonly<Record<string, Command>> = {
  migrate: {
    usage: 'amqp://USER:PASSWORD@HOST:5672[/VHOST] [--management http://HOST:15672] [--out] [--dry-run]',
    help: 'moves definitions and messages from another broker into this one, or from this one with --out',
    args: [1, 1],
    options: ['management', 'out', 'dry-run', 'parallel'],
    waits: true,
    run: migrate,
  },
}
