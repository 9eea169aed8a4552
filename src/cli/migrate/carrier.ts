/**
 * Moves the messages of one queue: a shovel on the Leveret publishes to an exchange at the target to which only that
 * queue is bound. Through this exchange messages keep their routing key, and their CC header routes to no other queue.
 */
import { createHash, randomBytes } from 'node:crypto'
import { CtlError } from '../ctl/client.ts'
import { enc } from '../ctl/command.ts'
import type { Move } from './ends.ts'
import { type Named, namedShape, type QueueRow, type ShovelRow, shovelShape } from './rows.ts'

/** Prefix of the shovels and exchanges that a migration creates. */
export const PREFIX = 'leveret.migrate.'

const PREFETCH = 1000
/** Maximum octets of messages that a shovel may have in flight. */
const ON_THEIR_WAY_BYTES = 16 * 1024 * 1024
const RECONNECT_S = 1

export function carrierName(q: QueueRow): string {
  return PREFIX + createHash('sha256').update(`${q.vhost}\0${q.name}`).digest('hex').slice(0, 24)
}

export const keyOf = (q: { vhost: string; name: string }): string => `${q.vhost}\0${q.name}`

function prefetchOf({ messages = 0, message_bytes = 0 }: QueueRow): number {
  const average = messages > 0 ? message_bytes / messages : 0
  return Math.max(1, Math.min(PREFETCH, Math.floor(ON_THEIR_WAY_BYTES / Math.max(average, 1))))
}

function shovelValue(move: Move, q: QueueRow, exchange: string): Record<string, unknown> {
  const own = `amqp:///${enc(q.vhost)}`
  const far = move.amqp.uri(q.vhost)
  const isStream = q.type === 'stream'
  return {
    'src-uri': move.out ? own : far,
    'src-queue': q.name,
    'src-predeclared': true,
    'src-prefetch-count': prefetchOf(q),
    'src-delete-after': isStream ? 'never' : 'queue-length',
    ...(isStream ? { 'src-consumer-args': { 'x-stream-offset': 'first' } } : {}),
    // A consumer would delete the auto-delete queue when it ends, along with messages that arrived in the meantime.
    ...(q.auto_delete === true ? { 'src-basic-get': true } : {}),
    'dest-uri': move.out ? far : own,
    'dest-exchange': exchange,
    'dest-predeclared': true,
    'dest-mandatory': true,
    'ack-mode': 'on-confirm',
    // After a reconnect a stream would be read from the beginning again.
    'reconnect-delay': isStream ? 0 : RECONNECT_S,
  }
}

/**
 * Starts the shovel, or replaces it: then the new one begins when the old one has ended.
 * @param exchange the temporary exchange at the target
 * @throws CtlError
 */
export async function startCarrier(move: Move, q: QueueRow, exchange = carrierName(q)): Promise<void> {
  const vhost = enc(q.vhost)
  await move.to.call('PUT', `exchanges/${vhost}/${exchange}`, { type: 'fanout', durable: true })
  await move.to.call('POST', `bindings/${vhost}/e/${exchange}/q/${enc(q.name)}`, {})
  const value = shovelValue(move, q, exchange)
  await move.leveret.call('PUT', `parameters/shovel/${vhost}/${carrierName(q)}`, { value })
}

/**
 * Lets the shovel publish to another exchange, because the target has lost the present one or its binding: a RabbitMQ
 * that is killed can forget durable objects that it confirmed in its last seconds. The binding of the present one is not
 * declared again: of messages in flight, later ones could then arrive before earlier ones that had no target.
 * Does nothing if the queue itself is missing.
 * @returns the exchange from now on
 * @throws CtlError
 */
export async function replaceCarrier(move: Move, q: QueueRow, exchange: string): Promise<string> {
  const other = `${carrierName(q)}.${randomBytes(4).toString('hex')}`
  try {
    await startCarrier(move, q, other)
  } catch (error) {
    if (!(error instanceof CtlError && error.status === 404)) throw error
    await removeExchange(move, q, other)
    return exchange
  }
  await removeExchange(move, q, exchange)
  return other
}

export async function stopShovel(move: Move, q: QueueRow): Promise<void> {
  await move.leveret.delete(`parameters/shovel/${enc(q.vhost)}/${carrierName(q)}`)
}

export async function removeExchange(move: Move, q: QueueRow, exchange = carrierName(q)): Promise<void> {
  await move.to.delete(`exchanges/${enc(q.vhost)}/${exchange}`)
}

/** The shovels of this or an earlier migration by name. */
export async function carriers(move: Move): Promise<Map<string, ShovelRow>> {
  const rows = await move.leveret.rows<ShovelRow>('shovels', shovelShape)
  return new Map(rows.filter((s) => s.name.startsWith(PREFIX)).map((s) => [s.name, s]))
}

/** Removes the exchanges left behind by a command that was killed. */
export async function sweep(move: Move, vhosts: readonly string[]): Promise<void> {
  for (const vhost of vhosts) {
    const found = await move.to.findRows<Named>(`exchanges/${enc(vhost)}`, namedShape)
    for (const { name } of found ?? [])
      if (name.startsWith(PREFIX)) await move.to.delete(`exchanges/${enc(vhost)}/${enc(name)}`)
  }
}
