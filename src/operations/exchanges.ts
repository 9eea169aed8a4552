/** Declares and deletes exchanges (behaviour.md section 5). */
import { shortText, typeName } from '../broker/arguments/rules.ts'
import type { Broker } from '../broker/broker.ts'
import type { Exchange, ExchangeInfo } from '../broker/exchange/exchange.ts'
import { isExchangeType } from '../broker/exchange/registry.ts'
import { AmqpError, preconditionFailed, ReplyCode } from '../protocol/errors.ts'
import { octetText } from '../util/octet-text.ts'
import {
  accessRefused,
  type Caller,
  checkAccess,
  checkEquivalent,
  checkShort,
  cleanName,
  describeExchange,
  existingExchange,
  hasReservedPrefix,
} from './caller.ts'
import { checkArguments } from './equivalence.ts'

const ALTERNATE = 'alternate-exchange'

/** Only checks existence. @throws AmqpError 403 for the default exchange, 404 */
export function declareExchangePassive(c: Caller, rawName: string): void {
  const name = cleanName(rawName)
  refuseDefault(name)
  existingExchange(c, name)
}

/** @throws AmqpError 403, 406 */
export function declareExchange(broker: Broker, c: Caller, wanted: ExchangeInfo): Exchange {
  const name = cleanName(wanted.name)
  const what = describeExchange(c, name)
  checkShort('exchange', name)
  if (!isExchangeType(wanted.type)) throw unknownType(broker, wanted.type)
  refuseDefault(name)
  checkAccess(c, 'configure', 'exchange', name)
  const existing = c.vhost.exchanges.get(name)
  if (existing !== undefined) {
    checkEquivalent(what, 'type', wanted.type, existing.type)
    checkEquivalent(what, 'durable', wanted.durable, existing.durable)
    checkEquivalent(what, 'auto_delete', wanted.autoDelete, existing.autoDelete)
    checkEquivalent(what, 'internal', wanted.internal, existing.internal)
    checkArguments(what, [ALTERNATE], wanted.arguments, existing.arguments)
    return existing
  }
  if (hasReservedPrefix(name)) throw accessRefused(`exchange name '${name}' contains reserved prefix 'amq.*'`)
  const alternate = wanted.arguments.get(ALTERNATE)
  if (alternate !== undefined) {
    if (alternate.type !== 'S')
      throw preconditionFailed(`invalid type '${typeName(alternate)}' for arg '${ALTERNATE}' in ${what}`)
    checkAccess(c, 'read', 'exchange', name)
    const wrong = shortText(alternate, wanted.arguments)
    if (wrong !== undefined) throw preconditionFailed(`invalid arg '${ALTERNATE}' for ${what}: ${wrong}`)
    checkAccess(c, 'write', 'exchange', octetText(alternate.value))
  }
  const { exchanges } = broker.limits
  if (exchanges !== Number.POSITIVE_INFINITY && broker.count('exchanges') >= exchanges)
    throw preconditionFailed(`cannot declare ${what}: exchange limit of ${exchanges} is reached`)
  return broker.createExchange(c.vhost, { ...pick(wanted), name, declaredBy: c.user })
}

function unknownType({ semantics }: Broker, type: string): AmqpError {
  const code = semantics.unknownTypeClosesChannel ? ReplyCode.PreconditionFailed : ReplyCode.CommandInvalid
  return new AmqpError(code, `unknown exchange type '${type}'`)
}

function pick(x: ExchangeInfo): ExchangeInfo {
  const { name, type, durable, autoDelete, internal } = x
  return { name, type, durable, autoDelete, internal, arguments: x.arguments }
}

function refuseDefault(name: string): void {
  if (name === '') throw accessRefused('operation not permitted on the default exchange')
}

/** A missing exchange is not an error. @throws AmqpError 403, 406 if it is in use */
export function deleteExchange(c: Caller, rawName: string, ifUnused: boolean): void {
  const name = cleanName(rawName)
  refuseDefault(name)
  if (hasReservedPrefix(name) && c.vhost.exchanges.has(name))
    throw accessRefused(`deletion of system ${describeExchange(c, name)} not allowed`)
  checkAccess(c, 'configure', 'exchange', name)
  const x = c.vhost.exchanges.get(name)
  if (x === undefined) return
  if (ifUnused && x.outgoing > 0) throw preconditionFailed(`${describeExchange(c, name)} in use`)
  c.vhost.removeExchange(x)
}
