/** Binds queues and exchanges to exchanges, and unbinds them (behaviour.md section 6). */
import type { Destination, Exchange } from '../broker/exchange/exchange.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import {
  accessRefused,
  type Caller,
  checkAccess,
  checkOwner,
  checkShort,
  checkTopicAccess,
  cleanName,
  existingExchange,
  existingQueue,
} from './caller.ts'

export interface BindingRequest {
  readonly source: string
  readonly destination: string
  readonly destinationType: 'queue' | 'exchange'
  readonly routingKey: string
  readonly arguments: FieldTable
}

function checkRights(c: Caller, r: BindingRequest): { source: string; destination: string } {
  const source = cleanName(r.source)
  const destination = cleanName(r.destination)
  checkAccess(c, 'write', r.destinationType, destination)
  checkAccess(c, 'read', 'exchange', source)
  if (source === '' || (r.destinationType === 'exchange' && destination === ''))
    throw accessRefused('operation not permitted on the default exchange')
  return { source, destination }
}

/** Makes a binding; a duplicate is not an error. @throws AmqpError 403, 404 (the source is reported first), 405, 406 */
export function bind(c: Caller, r: BindingRequest): void {
  const { source, destination } = checkBinding(c, r)
  c.vhost.bind(source, destination, r.routingKey, r.arguments)
}

/** Performs the checks of `bind` without binding. */
export function checkBinding(
  c: Caller,
  r: BindingRequest,
): { readonly source: Exchange; readonly destination: Destination } {
  const names = checkRights(c, r)
  checkShort('routing_key', r.routingKey)
  const source = existingExchange(c, names.source)
  const ofQueue = r.destinationType === 'queue'
  const found = (ofQueue ? c.vhost.queues : c.vhost.exchanges).get(names.destination)
  if (found !== undefined) {
    checkTopicAccess(c, 'read', source, r.routingKey)
    source.routing.checkBinding?.(r.routingKey, r.arguments)
  }
  // The owner of an exclusive queue is checked last.
  const destination = (ofQueue ? existingQueue : existingExchange)(c, names.destination)
  return { source, destination }
}

/** It is not an error if the binding or either end does not exist. @throws AmqpError 403, 405 */
export function unbind(c: Caller, r: BindingRequest): void {
  const names = checkRights(c, r)
  const source: Exchange | undefined = c.vhost.exchanges.get(names.source)
  const queue = r.destinationType === 'queue' ? c.vhost.queues.get(names.destination) : undefined
  const destination =
    queue ?? (r.destinationType === 'exchange' ? c.vhost.exchanges.get(names.destination) : undefined)
  if (source === undefined || destination === undefined) return
  checkTopicAccess(c, 'read', source, r.routingKey)
  const binding = c.vhost.bindings.find(source, destination, r.routingKey, r.arguments)
  if (queue !== undefined && binding !== undefined) checkOwner(c, queue)
  c.vhost.unbind(source, destination, r.routingKey, r.arguments)
}
