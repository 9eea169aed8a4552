/** Sets and removes policies and operator policies (behaviour.md section 10). */
import { isPolicyKey, policyValueError } from '../broker/arguments/validation.ts'
import type { Broker } from '../broker/broker.ts'
import { ofNow, type Steps } from '../broker/jobs.ts'
import { type ApplyTo, applyTargets, type PolicyInfo, type PolicyValue } from '../broker/policy/policy.ts'
import type { Vhost } from '../broker/vhost.ts'
import { PATTERN_STEPS_PER_STEP } from '../util/pattern/pattern-limits.ts'
import { NAME_STEPS, Pattern, PatternTooSlow, patternError, StepsLeft } from '../util/pattern.ts'
import { InvalidRequest } from './invalid-request.ts'
import { checkThere } from './vhosts.ts'

export interface PolicyRequest {
  readonly name: string
  /** An unanchored regular expression matched against names. */
  readonly pattern: string
  readonly definition: { readonly [key: string]: PolicyValue }
  /** Default 0; of several matching policies, the one with the highest priority applies. */
  readonly priority?: number | undefined
  /** Default `all`. */
  readonly applyTo?: string | undefined
}

/**
 * Returns once the policy applies to all existing objects. @throws InvalidRequest with RabbitMQ's text; nothing has
 * changed then
 */
export function setPolicy(
  broker: Broker,
  vhost: Vhost,
  request: PolicyRequest,
  operator: boolean,
): Promise<void> {
  return broker.turn.jobs.finished(settingPolicy(broker, vhost, request, operator))
}

/** See setPolicy. */
export function* settingPolicy(
  broker: Broker,
  vhost: Vhost,
  request: PolicyRequest,
  operator: boolean,
): Steps {
  const policy = checkedPolicy(request, operator)
  yield* checkDecided(vhost, new Pattern(policy.pattern))
  checkThere(broker, vhost)
  yield* vhost.settingPolicy(policy, operator)
}

/** False if there is no policy of that name. */
export function removePolicy(
  { turn }: Broker,
  vhost: Vhost,
  name: string,
  operator: boolean,
): Promise<boolean> {
  return turn.jobs.finished(vhost.removingPolicy(name, operator))
}

/** Checks that the pattern can be matched against all existing names in reasonable time. @throws InvalidRequest */
function* checkDecided(vhost: Vhost, pattern: Pattern): Steps {
  const left = new StepsLeft()
  let steps = 0
  try {
    for (const objects of [vhost.queues, vhost.exchanges])
      for (const { name } of ofNow<{ readonly name: string }>(objects)) {
        left.decide(pattern, name)
        steps += pattern.steps + NAME_STEPS
        if (steps < PATTERN_STEPS_PER_STEP) continue
        steps = 0
        yield
      }
  } catch (error) {
    throw error instanceof PatternTooSlow ? failed(error.message) : error
  }
}

function failed(what: string): InvalidRequest {
  return new InvalidRequest(`Validation failed\n\n${what}\n`)
}

/** Formats a value as Erlang prints it. */
function term(v: unknown): string {
  return typeof v === 'string' ? `<<${v === '' ? '' : JSON.stringify(v)}>>` : JSON.stringify(v)
}

function checkedPolicy(request: PolicyRequest, operator: boolean): PolicyInfo {
  const { name, pattern, definition, priority = 0, applyTo = 'all' } = request
  if (name === '') throw failed('policy name must not be empty')
  if (typeof pattern !== 'string') throw failed('pattern should be binary')
  if (!Number.isSafeInteger(priority)) throw failed('priority should be a number')
  if (!applyTargets.includes(applyTo as ApplyTo))
    throw failed(
      `apply-to '${applyTo}' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues', 'streams', 'exchanges', or 'all'`,
    )
  const keys = Object.keys(definition)
  if (keys.length === 0) throw failed('no policy provided')
  const unknown = keys.filter((k) => !isPolicyKey(k, operator))
  for (const [key, value] of Object.entries(definition)) {
    const wrong = unknown.includes(key) ? undefined : policyValueError(key, value)
    if (wrong !== undefined) throw failed(wrong)
  }
  if (unknown.length > 0)
    throw failed(
      `[${unknown.map((k) => `{<<${JSON.stringify(k)}>>,${term(definition[k])}}`).join(',')}] are not recognised policy settings`,
    )
  const wrong = patternError(pattern)
  if (wrong !== undefined)
    throw failed(`pattern should be regular expression but is invalid: ${wrong.message}`)
  return { name, pattern, definition, priority, applyTo: applyTo as ApplyTo }
}
