/** Objects in the format of definitions files, without their vhost. */
import { type Binding, type Exchange, isExchange } from '../broker/exchange/exchange.ts'
import type { PolicyInfo } from '../broker/policy/policy.ts'
import type { QueueInfo } from '../broker/queue/queue.ts'
import { type FieldTable, type FieldValue, toPlain } from '../protocol/field-table.ts'
import { SCRYPT, SHA256 } from '../security/passwords.ts'
import type { UserRecord } from '../security/users.ts'
import type { Json } from '../util/json.ts'

function plainJson(v: FieldValue): unknown {
  if (v.type === 'F') return tableJson(v.value)
  if (v.type === 'A') return v.value.map(plainJson)
  const plain = toPlain(v)
  if (plain instanceof Date) return Math.floor(plain.getTime() / 1000)
  if (Buffer.isBuffer(plain)) return plain.toString()
  return typeof plain === 'bigint' ? Number(plain) : plain
}

/**
 * JSON loses the widths of integers, and the types of timestamps and octet strings, as in RabbitMQ. The object has no
 * prototype, so no name is special.
 */
export function tableJson(t: FieldTable): Json {
  const out: Json = Object.create(null)
  for (const e of t.entries) if (!(e.name in out)) out[e.name.toWellFormed()] = plainJson(e.value)
  return out
}

export function queueJsonBrief(q: QueueInfo): Json {
  return {
    name: q.name,
    type: q.kind.name,
    durable: q.durable,
    auto_delete: q.autoDelete,
    arguments: tableJson(q.arguments),
  }
}

export function exchangeJson(x: Exchange): Json {
  const { name, type, durable, autoDelete, internal } = x
  return { name, type, durable, auto_delete: autoDelete, internal, arguments: tableJson(x.arguments) }
}

export function destinationType(b: Binding): 'queue' | 'exchange' {
  return isExchange(b.destination) ? 'exchange' : 'queue'
}

export function bindingJson(b: Binding): Json {
  return {
    source: b.source.name,
    destination: b.destination.name,
    destination_type: destinationType(b),
    routing_key: b.routingKey,
    arguments: tableJson(b.arguments),
  }
}

export function policyJson({ name, pattern, applyTo, definition, priority }: PolicyInfo): Json {
  return { name, pattern, 'apply-to': applyTo, definition, priority }
}

/** Exports a hash that other brokers cannot read under a name of its own. */
export function userJson(u: UserRecord): Json {
  const own = u.password.algorithm === SCRYPT
  return {
    name: u.name,
    password_hash: own ? '' : u.password.hash,
    hashing_algorithm: own ? SHA256 : u.password.algorithm,
    ...(own ? { leveret_password_hash: u.password.hash } : {}),
    tags: u.tags,
    limits: u.limits,
  }
}

/** For definitions: an empty hash would lock the user out after an import, so it is omitted. */
export function userDefinition(u: UserRecord): Json {
  const { password_hash, hashing_algorithm, ...rest } = userJson(u)
  return u.password.algorithm === SCRYPT ? rest : { ...rest, password_hash, hashing_algorithm }
}
