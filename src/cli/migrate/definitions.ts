/** Selects the definitions to move, and converts them for the target. */
import type { Json } from '../../util/json.ts'
import { enc } from '../ctl/command.ts'
import { PREFIX } from './carrier.ts'
import { type Move, usage } from './ends.ts'
import { LEDGER } from './ledger.ts'
import { type Definitions, definitionsIn, type Named, namedShape } from './rows.ts'
import { checkedList, checkedObject } from './shape.ts'

const SHOVEL = 'shovel'
/** Global parameters that belong to the broker itself and are not moved. */
const OWN_GLOBALS = [
  LEDGER,
  'internal_cluster_id',
  'imported_definition_hash_value',
  'imported_definitions_hash',
]

/**
 * The definitions of the source, without objects of the migration itself. @throws CtlError if the vhost does not exist
 */
export async function readDefinitions({ from, vhost }: Move): Promise<Definitions> {
  const d = await from.read('definitions', (answer) => definitionsIn(checkedObject(answer, {})))
  if (vhost !== undefined && !d.vhosts.some((v) => v['name'] === vhost))
    throw usage(`there is no vhost '${vhost}' at ${from.name}`)
  const here = (o: Json): boolean => vhost === undefined || o['vhost'] === vhost
  const own = (name: unknown): boolean => String(name).startsWith(PREFIX)
  const permissions = d.permissions.filter(here)
  const users = new Set(permissions.map((p) => p['user']))
  return {
    users: d.users.filter((u) => vhost === undefined || users.has(u['name'])),
    vhosts: d.vhosts.filter((v) => vhost === undefined || v['name'] === vhost),
    permissions,
    topic_permissions: d.topic_permissions.filter(here),
    parameters: d.parameters.filter((p) => here(p) && !own(p['name'])),
    global_parameters:
      vhost === undefined ? d.global_parameters.filter((p) => !OWN_GLOBALS.includes(String(p['name']))) : [],
    policies: d.policies.filter(here),
    queues: d.queues.filter(here),
    exchanges: d.exchanges.filter((x) => here(x) && !own(x['name'])),
    bindings: d.bindings.filter((b) => here(b) && !own(b['source'])),
  }
}

export interface Fitted {
  readonly definitions: Definitions
  /** Shovels are created after everything has been moved. */
  readonly shovels: readonly Json[]
  /** Sentences about what is omitted or changed. */
  readonly notes: readonly string[]
}

/** Adapts the definitions to what the target supports. */
export async function fitFor(move: Move, d: Definitions): Promise<Fitted> {
  const { to, out } = move
  const known = await to.read('overview', (answer) =>
    checkedList(checkedObject(answer, {})['exchange_types'], namedShape, '"exchange_types"'),
  )
  const types = new Set(known.map((t) => t['name']))
  const notes: string[] = []
  const strange = d.exchanges.filter((x) => !types.has(String(x['type'])))
  for (const x of strange)
    notes.push(
      `${where('exchange', x)} and its bindings are omitted: ${to.name} does not support the type ${String(x['type'])}`,
    )
  const gone = new Set(strange.map((x) => JSON.stringify([x['vhost'], x['name']])))
  const isGone = (vhost: unknown, name: unknown): boolean => gone.has(JSON.stringify([vhost, name]))
  const users = await usersFor(move, d.users, notes)
  return {
    definitions: {
      ...d,
      users,
      vhosts: out ? d.vhosts.map(plainVhost) : d.vhosts,
      exchanges: d.exchanges.filter((x) => !strange.includes(x)),
      bindings: d.bindings.filter(
        (b) =>
          b['source'] !== '' &&
          !isGone(b['vhost'], b['source']) &&
          !(b['destination_type'] === 'exchange' && isGone(b['vhost'], b['destination'])),
      ),
      parameters: d.parameters.filter((p) => p['component'] !== SHOVEL),
    },
    shovels: d.parameters.filter((p) => p['component'] === SHOVEL),
    notes,
  }
}

export function where(what: string, o: Json): string {
  return `${what} '${String(o['name'])}' in vhost '${String(o['vhost'])}'`
}

/** The vhost in the form that every version of RabbitMQ accepts. */
function plainVhost({ name, description, tags, default_queue_type, metadata }: Json): Json {
  return { name, ...(description ? { description } : {}), tags, default_queue_type, metadata }
}

async function usersFor({ to, out }: Move, users: readonly Json[], notes: string[]): Promise<Json[]> {
  const there = new Set((await to.rows<Named>('users', namedShape)).map((u) => u.name))
  return users.flatMap((u): Json[] => {
    const name = String(u['name'])
    if (name === to.user) {
      notes.push(`user '${name}' is not changed at ${to.name}: it performs the migration`)
      return []
    }
    const { leveret_password_hash, ...rest } = u
    if (!out || leveret_password_hash === undefined || u['password_hash'] !== undefined)
      return [out ? rest : u]
    const known = there.has(name)
    notes.push(
      `user '${name}': RabbitMQ cannot read the hash of the password; ${
        known ? `the user is not changed at ${to.name}` : 'set the password again there'
      }`,
    )
    return known ? [] : [{ ...rest, password_hash: '', hashing_algorithm: 'rabbit_password_hashing_sha256' }]
  })
}

/** Vhosts come first and one by one, because the user who creates one over HTTP gets access to it. @throws CtlError */
export async function writeDefinitions({ to }: Move, { definitions }: Fitted): Promise<void> {
  if (to.user !== undefined) {
    const there = new Set((await to.rows<Named>('vhosts', namedShape)).map((v) => v.name))
    for (const { name } of definitions.vhosts)
      if (!there.has(String(name))) await to.call('PUT', `vhosts/${enc(String(name))}`, {})
  }
  await to.call('POST', 'definitions', definitions)
}

export async function writeShovels({ to }: Move, { shovels }: Fitted): Promise<void> {
  if (shovels.length > 0) await to.call('POST', 'definitions', { parameters: shovels })
}
