/** Exports definitions in RabbitMQ's JSON format (behaviour.md section 19): objects without messages. */
import { isExchange } from '../broker/exchange/exchange.ts'
import type { Vhost } from '../broker/vhost.ts'
import { DEFINITIONS_PER_TURN } from '../limits.ts'
import type { Model } from '../model/model.ts'
import type { Parameter } from '../model/parameters.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import type { Json } from '../util/json.ts'
import { version } from '../util/version.ts'
import { limitParameters, OPERATOR_POLICY, policyParameters } from './parameters.ts'
import { bindingJson, exchangeJson, policyJson, queueJsonBrief, tableJson, userDefinition } from './shapes.ts'
import { Many } from './written.ts'

/** Bytes of arguments that take as long to describe as an object without arguments. */
const OCTETS_LIKE_AN_OBJECT = 256

/** Exports all definitions. Very long lists are generated while they are written: see written.ts. */
export function exportDefinitions(model: Model): Json {
  const { broker, users, parameters } = model
  const vhosts = [...broker.vhosts.values()]
  return {
    ...heading(model, 'cluster'),
    original_cluster_name: model.identity.clusterName,
    explanation: `Definitions of cluster '${model.identity.clusterName}'`,
    users: [...users].map(userDefinition),
    vhosts: vhosts.map(({ name, info }) => ({
      name,
      description: info.description,
      tags: info.tags,
      ...(info.defaultQueueType === 'undefined' ? {} : { default_queue_type: info.defaultQueueType }),
      metadata: {
        ...metadata(model, info),
        ...(info.protected ? { protected_from_deletion: true } : {}),
      },
      limits: Object.entries(info.limits).map(([n, value]) => ({ name: n, value })),
    })),
    permissions: Array.from(users.permissions(), ({ user, vhost, permission }) => ({
      user,
      vhost,
      ...permission,
    })),
    topic_permissions: Array.from(users.topicPermissions(), ({ user, vhost, permission }) => ({
      user,
      vhost,
      ...permission,
    })),
    parameters: [...vhosts.flatMap(parametersOf), ...parameters.list()],
    global_parameters: [
      { name: 'cluster_name', value: model.identity.clusterName },
      ...parameters.listGlobal().filter((p) => p.name !== 'cluster_name'),
    ],
    ...objects(vhosts, true),
  }
}

/** Exports one vhost; its objects do not carry the vhost's name. */
export function exportVhost(model: Model, vhost: Vhost): Json {
  const described = metadata(model, vhost.info)
  return {
    ...heading(model, 'single_virtual_host'),
    original_vhost_name: vhost.name,
    explanation: `Definitions of virtual host '${vhost.name}'`,
    metadata: described,
    description: vhost.info.description,
    default_queue_type: described['default_queue_type'],
    limits: vhost.limits,
    parameters: [
      ...parametersOf(vhost),
      ...model.parameters.list().filter((p) => p.vhost === vhost.name),
    ].map(({ component, name, value }) => ({ component, name, value })),
    ...objects([vhost], false),
  }
}

/** Exports the node's default queue type for a vhost without one: the importing broker may have another default. */
function metadata(model: Model, { description, tags, defaultQueueType: own }: Vhost['info']): Json {
  return {
    description,
    tags,
    default_queue_type: own === 'undefined' ? model.settings.defaultQueueType : own,
  }
}

function heading(model: Model, format: string): Json {
  const { identity } = model
  return {
    rabbit_version: identity.version,
    rabbitmq_version: identity.version,
    product_name: identity.product,
    product_version: identity.version,
    leveret_version: version,
    rabbitmq_definition_format: format,
  }
}

/** Operator policies and limits are exported as parameters. */
function parametersOf(v: Vhost): Parameter[] {
  return [...policyParameters(v, OPERATOR_POLICY), ...limitParameters(v)]
}

function objects(vhosts: readonly Vhost[], named: boolean): Json {
  const named_ = (v: Vhost): Json => (named ? { vhost: v.name } : {})
  const many = (count: (v: Vhost) => number, describe: (v: Vhost) => Iterable<Json>): Many =>
    new Many(
      vhosts.reduce((n, v) => n + count(v), 0),
      function* () {
        for (const v of vhosts) for (const json of describe(v)) yield { ...named_(v), ...json }
      },
    )
  return {
    policies: many((v) => v.policies.user.size, policiesOf),
    queues: many((v) => weight(v.queues.size, v.queues.values()), queuesOf),
    exchanges: many((v) => weight(v.exchanges.size, v.exchanges.values()), exchangesOf),
    bindings: many((v) => weight(v.bindings.size, v.bindings), bindingsOf),
  }
}

/** Returns the number of objects; unless there are very many, large arguments count as further objects. */
function weight(count: number, all: Iterable<{ readonly arguments: FieldTable }>): number {
  if (count > DEFINITIONS_PER_TURN) return count
  let octets = 0
  for (const { arguments: args } of all) octets += args.bytes.length
  return count + Math.floor(octets / OCTETS_LIKE_AN_OBJECT)
}

function* policiesOf(v: Vhost): Iterable<Json> {
  for (const p of v.policies.user) yield policyJson(p)
}

function* queuesOf(v: Vhost): Iterable<Json> {
  for (const q of v.queues.values()) if (!q.exclusive) yield queueJsonBrief(q)
}

function* exchangesOf(v: Vhost): Iterable<Json> {
  for (const x of v.exchanges.values()) if (x.name !== '' && !x.name.startsWith('amq.')) yield exchangeJson(x)
}

function* bindingsOf(v: Vhost): Iterable<Json> {
  for (const b of v.bindings)
    if (isExchange(b.destination) || !b.destination.exclusive)
      yield { ...bindingJson(b), arguments: tableJson(b.arguments) }
}
