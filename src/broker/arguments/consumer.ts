/**
 * The arguments of basic.consume: which kinds of queue take them, and what their values must be (behaviour.md section
 * 8).
 */
import { preconditionFailed } from '../../protocol/errors.ts'
import type { FieldTable } from '../../protocol/field-table.ts'
import type { QueueKind, QueueKindName } from '../queue/kinds/kinds.ts'
import { integer, type Rule } from './rules.ts'

interface Row {
  readonly kinds: readonly QueueKindName[]
  readonly rule?: Rule
}

const anyInteger = integer(() => undefined)

/** The values of x-stream-offset are checked where the offset is parsed. */
const rows: Readonly<Record<string, Row>> = {
  'x-priority': { kinds: ['classic', 'quorum'], rule: anyInteger },
  'x-consumer-timeout': { kinds: ['classic', 'quorum', 'stream'], rule: anyInteger },
  'x-stream-offset': { kinds: ['stream'] },
  'x-stream-filter': { kinds: ['stream'] },
  'x-stream-match-unfiltered': { kinds: ['stream'] },
}

/**
 * Checks the arguments of a consumer. Unknown arguments are kept and ignored.
 * @param what `queue 'q' in vhost '/'`
 * @throws AmqpError 406 for the first argument that the queue type does not accept or whose value is invalid
 */
export function checkConsumerArguments(args: FieldTable, kind: QueueKind, what: string): void {
  for (const { name, value } of args.entries) {
    const row = Object.hasOwn(rows, name) ? rows[name] : undefined
    if (row === undefined) continue
    if (!row.kinds.includes(kind.name))
      throw preconditionFailed(`invalid arg '${name}' for ${what} of queue type ${kind.module}`)
    const wrong = row.rule?.(value, args)
    if (wrong !== undefined) throw preconditionFailed(`invalid arg '${name}' for ${what}: ${wrong}`)
  }
}
