/**
 * Every x-argument of a queue in one place: its types, its rule and the kinds that take it (behaviour.md section 10).
 * Validation reads this table, and so will policies, the HTTP API and the documentation.
 */
import { preconditionFailed } from '../../protocol/errors.ts'
import { type FieldTable, type FieldValue, integerOf } from '../../protocol/field-table.ts'
import { classic, type QueueKind, type QueueKindName, queueKind } from '../queue/kinds/kinds.ts'

/** Returns what is wrong with a value, as RabbitMQ prints it, or undefined. */
type Rule = (v: FieldValue, all: FieldTable) => string | undefined

interface ArgumentRow {
  readonly name: string
  readonly kinds: readonly QueueKindName[]
  readonly rule: Rule
}

/** 100 years in ms, the longest that RabbitMQ's timers take. */
const MS_MAX = 3_153_600_000_000

/** What a type letter is called in error texts. */
const typeNames: Record<FieldValue['type'], string> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  L: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  S: 'longstr',
  x: 'binary',
  A: 'array',
  F: 'table',
  T: 'timestamp',
  V: 'void',
}

export function typeName(v: FieldValue): string {
  return typeNames[v.type]
}

function integer(check: (n: number) => string | undefined): Rule {
  return (v) => {
    const n = integerOf(v)
    return n === undefined ? `"expected integer, got ${typeName(v)}"` : check(n)
  }
}
const atLeastZero = integer((n) => (n < 0 ? `{value_negative,${n}}` : undefined))
const milliseconds = integer((n) =>
  n < 0 ? `{value_negative,${n}}` : n > MS_MAX ? `{value_too_large,${n}}` : undefined,
)
const positiveMilliseconds = integer((n) =>
  n < 0
    ? `{value_negative,${n}}`
    : n === 0
      ? `{value_zero,0}`
      : n > MS_MAX
        ? `{value_too_large,${n}}`
        : undefined,
)
const bool: Rule = (v) => (v.type === 't' ? undefined : `"expected boolean, got ${typeName(v)}"`)
const text: Rule = (v) => (v.type === 'S' ? undefined : `{unacceptable_type,${typeName(v)}}`)

function oneOf(values: readonly string[], error: string): Rule {
  return (v, all) => text(v, all) ?? (values.includes(String(v.value)) ? undefined : error)
}

const both = ['classic', 'quorum'] as const
const every = ['classic', 'quorum', 'stream'] as const

const rows: readonly ArgumentRow[] = [
  { name: 'x-message-ttl', kinds: both, rule: milliseconds },
  { name: 'x-expires', kinds: both, rule: positiveMilliseconds },
  { name: 'x-max-length', kinds: both, rule: atLeastZero },
  { name: 'x-max-length-bytes', kinds: every, rule: atLeastZero },
  {
    name: 'x-overflow',
    kinds: both,
    rule: oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'invalid_overflow'),
  },
  { name: 'x-dead-letter-exchange', kinds: both, rule: text },
  {
    name: 'x-dead-letter-routing-key',
    kinds: both,
    rule: (v, all) =>
      text(v, all) ?? (all.get('x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined'),
  },
  {
    name: 'x-dead-letter-strategy',
    kinds: ['quorum'],
    rule: oneOf(['at-most-once', 'at-least-once'], 'invalid_dlx_strategy'),
  },
  {
    name: 'x-max-priority',
    kinds: ['classic'],
    rule: integer((n) =>
      n < 0 ? `{value_negative,${n}}` : n > 255 ? `{max_value_exceeded,${n}}` : undefined,
    ),
  },
  { name: 'x-single-active-consumer', kinds: both, rule: bool },
  { name: 'x-queue-mode', kinds: ['classic'], rule: oneOf(['default', 'lazy'], 'invalid_queue_mode') },
  { name: 'x-queue-version', kinds: ['classic'], rule: atLeastZero },
  { name: 'x-queue-leader-locator', kinds: every, rule: text },
  { name: 'x-queue-master-locator', kinds: ['classic'], rule: text },
  // On classic queues a wish of users that RabbitMQ does not grant.
  { name: 'x-delivery-limit', kinds: both, rule: integer(() => undefined) },
  { name: 'x-quorum-initial-group-size', kinds: ['quorum'], rule: atLeastZero },
  { name: 'x-max-in-memory-length', kinds: ['quorum'], rule: atLeastZero },
  { name: 'x-max-in-memory-bytes', kinds: ['quorum'], rule: atLeastZero },
  { name: 'x-consumer-timeout', kinds: both, rule: atLeastZero },
]
const byName = new Map(rows.map((r) => [r.name, r]))

/** @throws AmqpError 406 where x-queue-type names no kind */
export function kindOf(args: FieldTable, what: string): QueueKind {
  const v = args.get('x-queue-type')
  if (v === undefined) return classic
  if (v.type !== 'S')
    throw preconditionFailed(`invalid arg 'x-queue-type' for ${what}: "expected longstr, got ${typeName(v)}"`)
  const kind = queueKind(v.value.toString())
  if (kind === undefined)
    throw preconditionFailed(`invalid arg 'x-queue-type' for ${what}: "unsupported queue type '${v.value}'"`)
  return kind
}

/** Whether redeclaring a queue of that kind compares this argument; unknown ones are stored and never compared. */
export function isCompared(name: string, kind: QueueKind): boolean {
  return byName.get(name)?.kinds.includes(kind.name) ?? false
}

export function comparedArguments(kind: QueueKind): string[] {
  return rows.filter((r) => isCompared(r.name, kind)).map((r) => r.name)
}

/**
 * @param what `queue 'q' in vhost '/'`
 * @throws AmqpError 406 for the first argument that the kind does not take or whose value is wrong
 */
export function validateArguments(args: FieldTable, kind: QueueKind, what: string): void {
  for (const { name, value } of args.entries) {
    const row = byName.get(name)
    if (row === undefined) continue
    if (!row.kinds.includes(kind.name))
      throw preconditionFailed(`invalid arg '${name}' for ${what} of queue type ${kind.module}`)
    const wrong = row.rule(value, args)
    if (wrong !== undefined) throw preconditionFailed(`invalid arg '${name}' for ${what}: ${wrong}`)
  }
}
