/** Parts of the syntax that requests and definitions files share. */
import { classic, type QueueKind, queueKind } from '../broker/queue/kinds/kinds.ts'
import { FRAME_BYTES_MAX } from '../limits.ts'
import { InvalidRequest } from '../operations/invalid-request.ts'
import type { PolicyRequest } from '../operations/policies.ts'
import type { UserRequest } from '../operations/users.ts'
import type { VhostRequest } from '../operations/vhosts.ts'
import { FieldTable, fieldEntry, type PlainValue, toField } from '../protocol/field-table.ts'
import { SCRYPT } from '../security/passwords.ts'
import type { UserLimits } from '../security/users.ts'
import type { Json } from '../util/json.ts'

/**
 * Converts names and values to an object. rabbitmqctl exports some as a list of pairs, the HTTP API some as a list of
 * objects with name and value, and both write an empty object as `[]`.
 */
export function pairs(v: unknown): Json {
  if (v === null || typeof v !== 'object') return {}
  if (!Array.isArray(v)) return v as Json
  const entries = v.flatMap((e: unknown): [string, unknown][] => {
    if (Array.isArray(e)) return [[String(e[0]), e[1]]]
    if (e === null || typeof e !== 'object') return []
    return 'name' in e ? [[String(e.name), (e as Json)['value']]] : Object.entries(e)
  })
  return Object.fromEntries(entries)
}

/** @throws InvalidRequest for an argument that AMQP cannot encode or that has no value */
export function argumentsOf(body: Json): FieldTable {
  const all = pairs(body['arguments'])
  for (const name in all)
    if (all[name] === undefined) throw new InvalidRequest(`invalid arguments: ${name} has no value`)
  return tableFrom('arguments', all as { [name: string]: PlainValue })
}

/** @param what arguments or headers. @throws InvalidRequest for values that AMQP cannot encode */
export function tableFrom(what: string, plain: { [name: string]: PlainValue }): FieldTable {
  // Rejects far too large tables before encoding them.
  if (octetsLeft(plain, FRAME_BYTES_MAX) < 0)
    throw new InvalidRequest(`invalid ${what}: more octets than a frame holds, ${FRAME_BYTES_MAX}`)
  let table: FieldTable
  try {
    table = FieldTable.from(plain)
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidRequest(`invalid ${what}: ${error.message}`)
    throw error
  }
  const octets = table.bytes.length
  if (octets > FRAME_BYTES_MAX)
    throw new InvalidRequest(
      `invalid ${what}: ${octets} octets are more than a frame holds, ${FRAME_BYTES_MAX}`,
    )
  return table
}

/**
 * Subtracts the shortest possible encoding of each name and value from `octets`, and returns the rest; stops as soon as
 * it is negative.
 */
function octetsLeft(value: PlainValue, octets: number): number {
  if (typeof value === 'string') return octets - 1 - value.length
  let left = octets - 1
  if (value === null || typeof value !== 'object') return left
  const list = value as { readonly [name: string]: PlainValue }
  // Iterates without building a list of all names.
  for (const name in list) {
    if (left < 0) return left
    if (Object.hasOwn(list, name)) left = octetsLeft(list[name] as PlainValue, left)
  }
  return left
}

/** A type given next to the arguments counts as an argument, unless it is the default type. */
export function queueArguments(body: Json, byDefault: QueueKind): FieldTable {
  const args = argumentsOf(body)
  const { type } = body
  // Some clients send an empty type or an unknown one; RabbitMQ looks at the arguments only.
  if (typeof type !== 'string' || queueKind(type) === undefined) return args
  if (args.get('x-queue-type') !== undefined) return args
  const isDefault = type === byDefault.name && byDefault === classic
  return isDefault ? args : FieldTable.of([...args.entries, fieldEntry('x-queue-type', toField(type))])
}

/** Tags are a list or a comma-separated string. */
export function tagList(tags: unknown): string[] {
  const list = Array.isArray(tags) ? tags.map(String) : typeof tags === 'string' ? tags.split(',') : []
  return list.map((t) => t.trim()).filter((t) => t !== '')
}

/** Reads a user from a request or a definitions file. */
export function userRequest(name: string, body: Json): UserRequest {
  const { password, tags, limits } = body
  const own = body['leveret_password_hash']
  const hash = own ?? body['password_hash']
  const algorithm = own === undefined ? body['hashing_algorithm'] : SCRYPT
  return {
    name,
    password: typeof password === 'string' ? password : undefined,
    passwordHash: typeof hash === 'string' ? hash : undefined,
    hashingAlgorithm: typeof algorithm === 'string' ? algorithm : undefined,
    tags: tagList(tags),
    limits: limits === undefined || limits === null ? undefined : (pairs(limits) as UserLimits),
  }
}

export function policyRequest(name: string, body: Json): PolicyRequest {
  const { pattern, definition, priority } = body
  const applyTo = body['apply-to']
  return {
    name,
    pattern: pattern as string,
    definition: pairs(definition) as PolicyRequest['definition'],
    // Some tools send the number as a string.
    ...(priority === undefined ? {} : { priority: Number(priority) }),
    ...(applyTo === undefined ? {} : { applyTo: String(applyTo) }),
  }
}

export function vhostRequest(body: Json): VhostRequest {
  const metadata = pairs(body['metadata'])
  const description = body['description'] ?? metadata['description']
  const type = body['default_queue_type'] ?? metadata['default_queue_type']
  const tags = body['tags'] ?? metadata['tags']
  const kept = body['protected_from_deletion'] ?? metadata['protected_from_deletion']
  return {
    ...(typeof description === 'string' ? { description } : {}),
    ...(typeof type === 'string' ? { defaultQueueType: type } : {}),
    ...(tags === undefined ? {} : { tags: tagList(tags) }),
    ...(kept === undefined ? {} : { protected: kept === true || kept === 'true' }),
  }
}
