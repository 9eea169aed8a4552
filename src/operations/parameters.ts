/** Runtime parameters that are not policies (behaviour.md section 19). */
import type { Broker } from '../broker/broker.ts'
import type { Vhost } from '../broker/vhost.ts'
import { PARAMETER_BYTES_MAX } from '../limits.ts'
import { InvalidRequest } from './invalid-request.ts'
import { setVhostLimit } from './vhosts.ts'

/** The component that has an effect. */
export const SHOVEL = 'shovel'

/** Components of RabbitMQ features that Leveret does not have: stored and returned. */
const withoutEffect = ['federation', 'federation-upstream', 'federation-upstream-set', 'tracing', 'mqtt']

export const NO_EFFECT = 'a parameter of an unsupported feature: kept, without effect'

export class UnknownComponent extends InvalidRequest {
  constructor(component: string) {
    super(`Validation failed\n\ncomponent ${component} not found\n`)
  }
}

/** @throws InvalidRequest */
export function checkParameterSize(value: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(value) ?? '')
  if (bytes > PARAMETER_BYTES_MAX)
    throw new InvalidRequest(
      `Validation failed\n\nvalue should be at most ${PARAMETER_BYTES_MAX} bytes, actually was ${bytes}\n`,
    )
}

export function isComponent(name: string): boolean {
  return name === SHOVEL || withoutEffect.includes(name)
}

/** Replaces all limits; those not given are removed. @throws InvalidRequest; nothing has changed then */
export function setVhostLimits(broker: Broker, vhost: Vhost, value: unknown): void {
  if (value === null || typeof value !== 'object')
    throw new InvalidRequest('Validation failed\n\nlimits should be a map\n')
  const wanted = Object.entries(value)
  const before = vhost.limits
  try {
    for (const name of Object.keys(before)) setVhostLimit(broker, vhost, name, undefined)
    for (const [name, limit] of wanted) setVhostLimit(broker, vhost, name, limit)
  } catch (error) {
    broker.setVhost({ ...vhost.info, limits: before })
    throw error
  }
}
