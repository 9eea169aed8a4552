/** Validates the arguments of an embedded broker's methods, so that a misspelt option is not ignored silently. */
import { type Check, objectOf, text, wrong } from './options.ts'

const anything: Check = () => {}

export const flag: Check = (v, o) => {
  if (typeof v !== 'boolean') throw wrong(o, 'true or false', v)
}

const atLeastZero: Check = (v, o) => {
  if (typeof v !== 'number' || !(v >= 0)) throw wrong(o, 'a number that is not negative', v)
}

const aboveZero: Check = (v, o) => {
  if (typeof v !== 'number' || !(v > 0)) throw wrong(o, 'a number above 0', v)
}

export const checkName = text
export const checkInVhost = objectOf({ vhost: text })
export const checkWaitOptions = objectOf({ vhost: text, timeoutMs: atLeastZero })
export const checkPolicyOptions = objectOf({ vhost: text, operator: flag })
export const checkResetOptions = objectOf({ keepConnections: flag })
/** The values of a policy are checked by the operation, with RabbitMQ's texts. */
export const checkPolicy = objectOf({
  name: anything,
  pattern: anything,
  definition: anything,
  priority: anything,
  applyTo: anything,
})
export const checkRedriveOptions = objectOf({
  vhost: text,
  rate: aboveZero,
  limit: atLeastZero,
  from: text,
  message: atLeastZero,
  reason: text,
})

const counts = objectOf({ ready: atLeastZero, unacked: atLeastZero, consumers: atLeastZero })

/** Validates the condition of waitForQueue: a function, or counts. */
export const checkCondition: Check = (v, o) => {
  if (typeof v !== 'function') counts(v, o)
}
