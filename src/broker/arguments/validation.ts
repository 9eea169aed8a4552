/** Checks arguments and policies against the table in table.ts. */
import { preconditionFailed } from '../../protocol/errors.ts'
import { FieldTable, type PlainValue, toField } from '../../protocol/field-table.ts'
import { fitsShortString } from '../../util/octet-text.ts'
import { classic, type QueueKind, queueKind } from '../queue/kinds/kinds.ts'
import { typeName } from './rules.ts'
import { rows } from './table.ts'

const byName = new Map(rows.map((r) => [r.name, r]))

const byKey = new Map(rows.flatMap((r) => (r.policy === undefined ? [] : [[r.policy.key, r] as const])))

/** Keys of features that this broker does not have, accepted so that other brokers' definitions can be imported. */
const legacyKeys = new Set([
  'ha-mode',
  'ha-params',
  'ha-sync-mode',
  'ha-sync-batch-size',
  'ha-promote-on-shutdown',
  'ha-promote-on-failure',
  'federation-upstream',
  'federation-upstream-set',
  'target-group-size',
  'initial-cluster-size',
])
/** Accepted as in RabbitMQ, without effect: they select storage variants that do not exist here. */
const ignoredKeys = new Set([
  ...legacyKeys,
  'queue-mode',
  'queue-version',
  'max-in-memory-length',
  'max-in-memory-bytes',
  'queue-leader-locator',
  'queue-master-locator',
])
/** The only policy key that applies to exchanges. */
const ALTERNATE_KEY = 'alternate-exchange'

export function isPolicyKey(key: string, operator: boolean): boolean {
  const row = byKey.get(key)
  if (operator) return row?.policy?.operator === true || key === 'target-group-size'
  return row !== undefined || key === ALTERNATE_KEY || legacyKeys.has(key)
}

/** The keys of a policy definition that are accepted but have no effect. */
export function keysWithoutEffect(definition: object): string[] {
  return Object.keys(definition).filter((key) => ignoredKeys.has(key))
}

/** Returns RabbitMQ's error text for an invalid value of a policy key, or undefined if the value is valid. */
export function policyValueError(key: string, value: PlainValue): string | undefined {
  const shown = typeof value === 'string' ? `<<${JSON.stringify(value)}>>` : JSON.stringify(value)
  if (key === ALTERNATE_KEY)
    return typeof value === 'string' && fitsShortString(value)
      ? undefined
      : `${shown} is not a valid alternate exchange name`
  const row = byKey.get(key)
  // No policy key accepts a list or an object.
  const takes = (v: PlainValue): boolean => row?.rule(toField(v), FieldTable.empty) === undefined
  if (row === undefined || ((value === null || typeof value !== 'object') && takes(value))) return undefined
  return `${shown} is not a valid ${row.policy?.what}`
}

/** Whether the key applies to queues of this type. True for keys of exchanges and other brokers, which do no harm. */
export function kindSupports(kind: QueueKind, key: string): boolean {
  return byKey.get(key)?.kinds.includes(kind.name) ?? true
}

/**
 * The queue type that the arguments name.
 * @param byDefault the type if the arguments do not name one
 * @throws AmqpError 406 for an unknown x-queue-type
 */
export function kindOf(args: FieldTable, what: string, byDefault: QueueKind = classic): QueueKind {
  const v = args.get('x-queue-type')
  if (v === undefined) return byDefault
  if (v.type !== 'S')
    throw preconditionFailed(`invalid arg 'x-queue-type' for ${what}: {unacceptable_type,${typeName(v)}}`)
  const kind = queueKind(v.value.toString())
  if (kind === undefined)
    throw preconditionFailed(`invalid arg 'x-queue-type' for ${what}: "unsupported queue type '${v.value}'"`)
  return kind
}

/** Whether redeclaring a queue of this type compares the argument. Unknown arguments are stored but never compared. */
function isCompared(name: string, kind: QueueKind): boolean {
  const row = byName.get(name)
  return row !== undefined && row.notCompared !== true && row.kinds.includes(kind.name)
}

export function comparedArguments(kind: QueueKind, wanted: QueueKind): string[] {
  const names = rows.filter((r) => isCompared(r.name, kind)).map((r) => r.name)
  // Declaring with the queue's own type equals declaring without x-queue-type: only a different type needs comparing.
  if (wanted !== kind) names.splice(names.indexOf('x-single-active-consumer') + 1, 0, 'x-queue-type')
  return names
}

/**
 * Checks the arguments of a queue declaration.
 * @param what `queue 'q' in vhost '/'`
 * @throws AmqpError 406 for the first argument that the queue type does not accept or whose value is invalid
 */
export function validateArguments(args: FieldTable, kind: QueueKind, what: string): void {
  const deadLetterExchange = args.get('x-dead-letter-exchange')
  if (deadLetterExchange !== undefined && deadLetterExchange.type !== 'S')
    throw preconditionFailed(
      `invalid type '${typeName(deadLetterExchange)}' for arg 'x-dead-letter-exchange' in ${what}`,
    )
  for (const { name, value } of args.entries) {
    const row = byName.get(name)
    if (row === undefined || (row.takenByAll && !row.kinds.includes(kind.name))) continue
    if (!row.kinds.includes(kind.name))
      throw preconditionFailed(`invalid arg '${name}' for ${what} of queue type ${kind.module}`)
    const wrong = (row.unchecked ? undefined : row.rule(value, args)) ?? missingExchange(name, args)
    if (wrong !== undefined) throw preconditionFailed(`invalid arg '${name}' for ${what}: ${wrong}`)
  }
}

function missingExchange(name: string, args: FieldTable): string | undefined {
  if (name !== 'x-dead-letter-routing-key' || args.get('x-dead-letter-exchange') !== undefined)
    return undefined
  return 'routing_key_but_no_dlx_defined'
}
