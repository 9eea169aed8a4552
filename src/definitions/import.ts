/**
 * Imports definitions: existing objects are left as they are and missing ones are created, in the order of their
 * dependencies. Users, permissions and policies are replaced. The import is all or nothing: it is first applied to a
 * copy of the existing objects, without messages, which is then discarded.
 */

import { isExchangeType } from '../broker/exchange/registry.ts'
import type { Vhost } from '../broker/vhost.ts'
import { DEFINITIONS_PER_BATCH, DEFINITIONS_PER_TURN, DEFINITIONS_UNAPPLIED_BYTES_MAX } from '../limits.ts'
import type { Model } from '../model/model.ts'
import { type BindingRequest, bind, checkBinding } from '../operations/bindings.ts'
import { type Caller, trusted } from '../operations/caller.ts'
import { declareExchange } from '../operations/exchanges.ts'
import { InvalidRequest } from '../operations/invalid-request.ts'
import { checkParameterSize, SHOVEL } from '../operations/parameters.ts'
import { setPolicy } from '../operations/policies.ts'
import { declareQueue, defaultKind } from '../operations/queues.ts'
import { noHash, putPermission, putTopicPermission, putUser } from '../operations/users.ts'
import { checkThere, putVhost, setVhostLimit } from '../operations/vhosts.ts'
import { checkShovel } from '../shovel/definition.ts'
import type { Json } from '../util/json.ts'
import { Pace } from '../util/pace.ts'
import { pause } from '../util/timers.ts'
import { OPERATOR_POLICY, VHOST_LIMITS } from './parameters.ts'
import { TextList } from './pieces.ts'
import { argumentsOf, pairs, policyRequest, queueArguments, userRequest, vhostRequest } from './requests.ts'
import { Many } from './written.ts'

function* list(d: Json, name: string): Iterable<Json> {
  const v = d[name]
  const isList = Array.isArray(v) || v instanceof TextList || v instanceof Many
  // Some tools write an empty list as an object.
  if (v === undefined || v === null || (!isList && isObject(v) && Object.keys(v).length === 0)) return
  if (!isList) throw notAList(name)
  for (const o of v) {
    if (!isObject(o)) throw notAList(name)
    yield o
  }
}

function notAList(name: string): InvalidRequest {
  return new InvalidRequest(`${name} must be a list of objects`)
}

function isObject(v: unknown): v is Json {
  return v !== null && typeof v === 'object' && !Array.isArray(v)
}

function text(o: Json, name: string): string {
  const v = o[name]
  // Does not print the values: one of them may be a password.
  if (typeof v !== 'string') throw new InvalidRequest(`${name} missing beside ${Object.keys(o).join(', ')}`)
  return v
}

function textOr(o: Json, name: string, byDefault: string): string {
  return o[name] === undefined || o[name] === null ? byDefault : text(o, name)
}

/**
 * @param only the vhost of definitions that do not name one. @throws InvalidRequest, AmqpError; the model is unchanged
 * then
 */
export async function importDefinitions(model: Model, definitions: unknown, only?: Vhost): Promise<void> {
  if (definitions === null || typeof definitions !== 'object' || Array.isArray(definitions))
    throw new InvalidRequest('definitions must be an object')
  const d = definitions as Json
  await model.dryRun((copy) => apply(copy, d, only && copy.broker.vhosts.get(only.name), true))
  await apply(model, d, only)
  await model.commit.flush()
}

const UNAPPLIED_PAUSE_MS = 10

/**
 * Paces an import: yields to other work at intervals, and commits the changes in batches of DEFINITIONS_PER_BATCH
 * objects.
 */
class Patience {
  private readonly commit: Model['commit']
  private readonly pace = new Pace()
  private steps = 0

  constructor(commit: Model['commit']) {
    this.commit = commit
    commit.hold()
  }

  async step(): Promise<void> {
    if (++this.steps % DEFINITIONS_PER_BATCH === 0) {
      this.commit.letGo()
      await this.commit.flush()
      await this.applied()
      this.commit.hold()
    } else if (this.steps % DEFINITIONS_PER_TURN === 0 || this.pace.isLong) await this.pace.rest()
  }

  /** Waits for the store, which lags behind the log: changes that it has not applied yet are kept in memory. */
  private async applied(): Promise<void> {
    const { commit } = this
    while (commit.unsafeBytes > DEFINITIONS_UNAPPLIED_BYTES_MAX && commit.applyFailure === undefined) {
      commit.applySoon()
      await pause(UNAPPLIED_PAUSE_MS)
    }
  }

  end(): void {
    this.commit.letGo()
  }
}

/** Yields to other work at intervals. */
function pacing(): () => Promise<void> {
  const pace = new Pace()
  let steps = 0
  return async () => {
    if (++steps % DEFINITIONS_PER_TURN === 0 || pace.isLong) await pace.rest()
  }
}

/** @param rehearsal whether `model` is the copy of the dry run, for which password hashes need not be computed */
async function apply(model: Model, d: Json, only: Vhost | undefined, rehearsal = false): Promise<void> {
  const { broker, users } = model
  const pace = pacing()
  if (only === undefined) {
    for (const u of list(d, 'users')) {
      await pace()
      await putUser(users, userRequest(text(u, 'name'), u), rehearsal ? noHash : undefined)
    }
    for (const v of list(d, 'vhosts')) {
      await pace()
      importVhost(model, v)
    }
  }
  const vhostOf = (o: Json): Vhost => {
    if (only !== undefined) checkThere(broker, only)
    const vhost = only ?? broker.vhosts.get(text(o, 'vhost'))
    if (vhost === undefined) throw new InvalidRequest(`vhost '${text(o, 'vhost')}' does not exist`)
    return vhost
  }
  if (only === undefined) {
    for (const p of list(d, 'permissions')) {
      await pace()
      putPermission(users, text(p, 'user'), vhostOf(p), {
        configure: text(p, 'configure'),
        write: text(p, 'write'),
        read: text(p, 'read'),
      })
    }
    for (const p of list(d, 'topic_permissions')) {
      await pace()
      putTopicPermission(users, text(p, 'user'), vhostOf(p), {
        exchange: text(p, 'exchange'),
        write: text(p, 'write'),
        read: text(p, 'read'),
      })
    }
    for (const p of list(d, 'global_parameters')) {
      await pace()
      const name = text(p, 'name')
      checkParameterSize(p['value'])
      if (name !== 'cluster_name') model.parameters.setGlobal(name, p['value'])
      else if (typeof p['value'] === 'string') model.setClusterName(p['value'])
    }
  }
  for (const p of list(d, 'parameters')) {
    await pace()
    await importParameter(model, vhostOf(p), p)
  }
  for (const p of list(d, 'policies')) {
    await pace()
    await setPolicy(broker, vhostOf(p), policyRequest(text(p, 'name'), p), false)
  }
  const patience = new Patience(model.commit)
  try {
    await importObjects(model, d, vhostOf, patience, rehearsal ? checkBinding : bind)
  } finally {
    patience.end()
  }
}

function importVhost({ broker }: Model, v: Json): void {
  const name = text(v, 'name')
  putVhost(broker, name, vhostRequest(v))
  const vhost = broker.vhosts.get(name) as Vhost
  for (const [limit, n] of Object.entries(pairs(v['limits']))) setVhostLimit(broker, vhost, limit, Number(n))
}

async function importParameter(model: Model, vhost: Vhost, p: Json): Promise<void> {
  const [component, name] = [text(p, 'component'), text(p, 'name')]
  const value = p['value']
  checkParameterSize(value)
  const isOwn = component === OPERATOR_POLICY || component === VHOST_LIMITS
  if (isOwn && (value === null || typeof value !== 'object'))
    throw new InvalidRequest(`the value of ${component} must be an object`)
  if (component === OPERATOR_POLICY)
    await setPolicy(model.broker, vhost, policyRequest(name, pairs(value)), true)
  else if (component === VHOST_LIMITS)
    for (const [limit, n] of Object.entries(pairs(value)))
      setVhostLimit(model.broker, vhost, limit, Number(n))
  else if (component === SHOVEL) {
    checkShovel(name, value)
    model.parameters.set({ vhost: vhost.name, component, name, value })
  } else {
    model.parameters.set({ vhost: vhost.name, component, name, value })
    model.logger.warn({ component, name, vhost: vhost.name }, 'parameter of an unsupported feature: kept')
  }
}

async function importObjects(
  model: Model,
  d: Json,
  vhostOf: (o: Json) => Vhost,
  patience: Patience,
  makeBinding: (c: Caller, b: BindingRequest) => void,
): Promise<void> {
  const { broker } = model
  const caller = (vhost: Vhost): Caller => trusted('definitions', vhost, model)
  for (const x of list(d, 'exchanges')) {
    await patience.step()
    const vhost = vhostOf(x)
    const [name, type] = [text(x, 'name'), textOr(x, 'type', 'direct')]
    if (vhost.exchanges.has(name)) continue
    if (!isExchangeType(type)) {
      model.logger.warn({ exchange: name, type }, 'exchange of an unknown type: skipped')
      continue
    }
    declareExchange(broker, caller(vhost), {
      name,
      type,
      durable: x['durable'] !== false,
      autoDelete: x['auto_delete'] === true,
      internal: x['internal'] === true,
      arguments: argumentsOf(x),
    })
  }
  for (const q of list(d, 'queues')) {
    await patience.step()
    const vhost = vhostOf(q)
    const name = text(q, 'name')
    if (vhost.queues.has(name)) continue
    declareQueue(broker, caller(vhost), {
      name,
      durable: q['durable'] !== false,
      exclusive: false,
      autoDelete: q['auto_delete'] === true,
      arguments: queueArguments(q, defaultKind(broker, vhost)),
    })
  }
  for (const b of list(d, 'bindings')) {
    await patience.step()
    const vhost = vhostOf(b)
    const [source, destination] = [text(b, 'source'), text(b, 'destination')]
    const destinationType = b['destination_type'] === 'exchange' ? 'exchange' : 'queue'
    // The default exchange binds every queue implicitly.
    if (source === '') continue
    const ends = destinationType === 'exchange' ? vhost.exchanges : vhost.queues
    if (!vhost.exchanges.has(source) || !ends.has(destination)) {
      model.logger.warn(
        { vhost: vhost.name, source, destination, destinationType },
        'binding to or from something that is not there: left out',
      )
      continue
    }
    makeBinding(caller(vhost), {
      source,
      destination,
      destinationType,
      routingKey: textOr(b, 'routing_key', ''),
      arguments: argumentsOf(b),
    })
  }
}
