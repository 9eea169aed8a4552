/** What a queue's arguments come to. Policies will join in here, by the precedence of behaviour.md section 10. */
import { type FieldTable, integerOf } from '../../protocol/field-table.ts'
import type { QueueKind } from '../queue/kinds/kinds.ts'
import { LengthLimit, type Overflow } from '../queue/length-limit.ts'
import type { QueueSettings } from '../queue/work-queue.ts'

function numberArgument(args: FieldTable, name: string): number | undefined {
  const v = args.get(name)
  return v === undefined ? undefined : integerOf(v)
}

export function effectiveSettings(args: FieldTable, kind: QueueKind): QueueSettings {
  const maxLength = numberArgument(args, 'x-max-length')
  const maxBytes = numberArgument(args, 'x-max-length-bytes')
  const overflow = (args.text('x-overflow') ?? 'drop-head') as Overflow
  const limited = maxLength !== undefined || maxBytes !== undefined
  return {
    messageTtl: numberArgument(args, 'x-message-ttl') ?? -1,
    expires: numberArgument(args, 'x-expires') ?? -1,
    limit: limited
      ? new LengthLimit(maxLength ?? Number.POSITIVE_INFINITY, maxBytes ?? Number.POSITIVE_INFINITY, overflow)
      : undefined,
    deadLetterExchange: args.text('x-dead-letter-exchange'),
    deadLetterRoutingKey: args.text('x-dead-letter-routing-key'),
    singleActiveConsumer: args.get('x-single-active-consumer')?.value === true,
    deliveryLimit: numberArgument(args, 'x-delivery-limit') ?? kind.deliveryLimit,
    maxPriority: numberArgument(args, 'x-max-priority') ?? 0,
  }
}
