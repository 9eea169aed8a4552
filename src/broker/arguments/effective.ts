/** Computes a queue's settings from its arguments and policies (precedence: behaviour.md section 10). */
import { type FieldTable, type FieldValue, integerOf, toField } from '../../protocol/field-table.ts'
import { fitsShortString, octetText } from '../../util/octet-text.ts'
import type { AppliedPolicies, PolicyValue } from '../policy/policy.ts'
import type { QueueKind } from '../queue/kinds/kinds.ts'
import { LengthLimit, type Overflow } from '../queue/length-limit.ts'
import type { QueueSettings } from '../queue/queue.ts'
import { ageMs } from './rules.ts'

/** Looks up a setting in its three sources: the queue's arguments, the policy, the operator policy. */
class Sources {
  private readonly args: FieldTable
  private readonly applied: AppliedPolicies

  constructor(args: FieldTable, applied: AppliedPolicies) {
    this.args = args
    this.applied = applied
  }

  private of(key: string): { argument: FieldValue | undefined; policies: PolicyValue[] } {
    const { policy, operator } = this.applied
    const values = [operator?.definition[key], policy?.definition[key]]
    return {
      argument: this.args.get(`x-${key}`),
      policies: values.filter((v): v is PolicyValue => v !== undefined),
    }
  }

  /** The smallest value of the three sources, or undefined if none of them sets it. */
  least(key: string, read = integerOf): number | undefined {
    const { argument, policies } = this.of(key)
    let least: number | undefined
    for (const v of [argument, ...policies.map(toField)]) {
      const n = v === undefined ? undefined : read(v)
      if (n !== undefined && (least === undefined || n < least)) least = n
    }
    return least
  }

  /** Like `least`, but a negative number means no limit. */
  leastLimit(key: string): number | undefined {
    return this.least(key, (v) => {
      const n = integerOf(v)
      return n !== undefined && n < 0 ? Number.POSITIVE_INFINITY : n
    })
  }

  /** The argument if present, else the operator policy's value, else the policy's. */
  first(key: string): FieldValue | undefined {
    const { argument, policies } = this.of(key)
    return argument ?? (policies[0] === undefined ? undefined : toField(policies[0]))
  }

  firstText(key: string): string | undefined {
    const v = this.first(key)
    return v?.type === 'S' ? octetText(v.value) : undefined
  }

  /** A name or routing key. A value too long for a short string, which earlier releases accepted, counts as absent. */
  firstShortText(key: string): string | undefined {
    const v = this.firstText(key)
    return v === undefined || fitsShortString(v) ? v : undefined
  }

  firstNumber(key: string): number | undefined {
    const v = this.first(key)
    return v === undefined ? undefined : integerOf(v)
  }

  /** As `firstText`, but a policy takes precedence over the argument. */
  policyText(key: string): string | undefined {
    const { policies } = this.of(key)
    return typeof policies[0] === 'string' ? policies[0] : this.firstText(key)
  }

  flag(key: string): boolean {
    return this.first(key)?.value === true
  }
}

/** Defaults for queues that do not set these values themselves. */
export interface DefaultSettings {
  /** ms; 0 = none */
  readonly consumerTimeout: number
  /** Applies only to queue types that have a delivery limit; -1 = none. */
  readonly deliveryLimit: number
}

export function effectiveSettings(
  args: FieldTable,
  kind: QueueKind,
  applied: AppliedPolicies,
  defaults: DefaultSettings,
): QueueSettings {
  const from = new Sources(args, applied)
  const overflow = (kind.policyOverflowWins ? from.policyText('overflow') : from.firstText('overflow')) as
    | Overflow
    | undefined
  const deadLetterExchange = from.firstShortText('dead-letter-exchange')
  const limit = from.leastLimit('delivery-limit') ?? (kind.limitsDeliveries ? defaults.deliveryLimit : -1)
  return {
    messageTtl: from.least('message-ttl') ?? -1,
    expires: from.least('expires') ?? -1,
    limit: lengthLimit(from, overflow ?? 'drop-head'),
    deadLetterExchange,
    deadLetterRoutingKey: from.firstShortText('dead-letter-routing-key'),
    deadLetterAtLeastOnce:
      kind.atLeastOnce &&
      deadLetterExchange !== undefined &&
      overflow === 'reject-publish' &&
      from.firstText('dead-letter-strategy') === 'at-least-once',
    singleActiveConsumer: from.flag('single-active-consumer'),
    deliveryLimit: Number.isFinite(limit) ? limit : -1,
    maxPriority: from.firstNumber('max-priority') ?? 0,
    consumerTimeout: positive(from.least('consumer-timeout')) ?? defaults.consumerTimeout,
    retry: retryOf(from),
    expireAnywhere: from.flag('expire-anywhere'),
    maxAge: from.least('max-age', (v) => (v.type === 'S' ? ageMs(v.value.toString()) : undefined)) ?? -1,
    segmentBytes: from.firstNumber('stream-max-segment-size-bytes') ?? Number.POSITIVE_INFINITY,
    maxBytes: from.least('max-length-bytes') ?? -1,
  }
}

function positive(n: number | undefined): number | undefined {
  return n !== undefined && n > 0 ? n : undefined
}

function lengthLimit(from: Sources, overflow: Overflow): LengthLimit | undefined {
  const messages = from.least('max-length')
  const bytes = from.least('max-length-bytes')
  if (messages === undefined && bytes === undefined) return undefined
  return new LengthLimit(messages ?? Number.POSITIVE_INFINITY, bytes ?? Number.POSITIVE_INFINITY, overflow)
}

function retryOf(from: Sources): QueueSettings['retry'] {
  const type = from.firstText('delayed-retry-type') ?? 'disabled'
  if (type === 'disabled') return undefined
  const min = from.firstNumber('delayed-retry-min') ?? RETRY_MIN_MS
  const max = from.firstNumber('delayed-retry-max') ?? Number.POSITIVE_INFINITY
  return { failed: type !== 'returned', returned: type !== 'failed', min, max: Math.max(min, max) }
}

/** Default of x-delayed-retry-min. */
const RETRY_MIN_MS = 1000
