/** Determines what is to be moved and whether that is possible, before anything is changed. */
import type { Json } from '../../util/json.ts'
import { Pattern } from '../../util/pattern.ts'
import { enc } from '../ctl/command.ts'
import { PREFIX } from './carrier.ts'
import { type Fitted, fitFor, readDefinitions } from './definitions.ts'
import { differences } from './differences.ts'
import { failure, type Move } from './ends.ts'
import { type Named, namedShape, permissionShape, type QueueRow, queueShape } from './rows.ts'

export interface Plan {
  readonly fitted: Fitted
  readonly vhosts: readonly string[]
  readonly queues: readonly QueueRow[]
  /** Sentences about what will differ. */
  readonly notes: readonly string[]
}

/** @throws CtlError with one sentence if the migration is not possible */
export async function makePlan(move: Move): Promise<Plan> {
  const { leveret, other, from, amqp } = move
  const own = await leveret.get<{ leveret_version?: string }>('overview', {})
  if (own.leveret_version === undefined)
    throw failure(
      `${leveret.name} is not a Leveret, which is needed to run the shovels; see leveret migrate --help`,
    )
  const definitions = await readDefinitions(move)
  const vhosts = definitions.vhosts.map((v) => String(v['name']))
  const all = (await from.rows<QueueRow>('queues', queueShape)).filter((q) => vhosts.includes(q.vhost))
  const queues = all.filter((q) => q.exclusive !== true)
  await checkRights(move, vhosts, queues)
  const there = new Set((await other.rows<Named>('vhosts', namedShape)).map((v) => v.name))
  for (const vhost of vhosts) if (there.has(vhost)) await amqp.check(vhost)
  const fitted = await fitFor(move, definitions)
  const notes = [...fitted.notes, ...differences(move, definitions, all)]
  if (fitted.shovels.length > 0)
    notes.push(
      `${fitted.shovels.length} shovels start at ${move.to.name} when everything has been moved; delete them at ${from.name} first`,
    )
  return { fitted, vhosts, queues, notes }
}

/** Checks beforehand that the user may read or write the queues, because otherwise each shovel would fail. */
async function checkRights(
  { other, amqp, out }: Move,
  vhosts: readonly string[],
  queues: readonly QueueRow[],
): Promise<void> {
  const found = await other.findRows<Json>(`users/${enc(amqp.user)}/permissions`, permissionShape)
  // Not in the broker's database: an external backend authenticates this user.
  if (found === undefined) return
  const there = new Set((await other.rows<Named>('vhosts', namedShape)).map((v) => v.name))
  for (const vhost of vhosts) {
    if (!there.has(vhost)) continue
    const permission = found.find((p) => p['vhost'] === vhost)
    const needs = out ? 'write' : 'read'
    const names = out ? [`${PREFIX}x`] : queues.filter((q) => q.vhost === vhost).map((q) => q.name)
    const pattern = permission === undefined ? undefined : compiled(permission[needs])
    const lacks = permission === undefined || names.some((n) => pattern?.decide(n) === false)
    if (lacks && names.length > 0)
      throw failure(
        `user '${amqp.user}' needs permission to ${needs} everything in vhost '${vhost}' of ${other.name}: ` +
          `rabbitmqctl set_permissions -p '${vhost}' '${amqp.user}' '.*' '.*' '.*'`,
      )
  }
}

/** A pattern that cannot be evaluated here counts as granting access: the other broker may support it. */
function compiled(pattern: unknown): Pattern | undefined {
  try {
    return new Pattern(String(pattern))
  } catch {
    return undefined
  }
}
