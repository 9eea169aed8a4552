/** Dead lettering (behaviour.md section 12): the message with its history, and where it may go. */
import {
  type FieldEntry,
  FieldTable,
  type FieldValue,
  fieldEntry,
  integerOf,
  toField,
} from '../../protocol/field-table.ts'
import type { Properties } from '../../protocol/generated/properties.ts'
import { encodeContent } from '../content.ts'
import { type Content, Incoming } from '../message.ts'
import { PlainMessage } from '../router.ts'
import type { Vhost } from '../vhost.ts'
import type { DeathReason } from './queue.ts'
import type { WorkQueue } from './work-queue.ts'

/** Publishes a message that leaves `queue`, or that it refused, to the queue's dead-letter exchange. */
export function deadLetter(
  vhost: Vhost,
  queue: WorkQueue,
  content: Content,
  reason: DeathReason,
  nowMs: number,
): void {
  const exchange = vhost.findExchange(queue.settings.deadLetterExchange as string)
  if (exchange === undefined) return
  const fixedKey = queue.settings.deadLetterRoutingKey
  const carbonCopies = carbonCopyKeys(content.properties.headers, 'CC')
  const keys = fixedKey === undefined ? [content.routingKey, ...carbonCopies] : [fixedKey]
  const headers = withDeath(content, queue.name, reason, nowMs, carbonCopies)
  const properties: Properties = { ...content.properties, headers, expiration: undefined }
  const targets = vhost.route(
    exchange,
    keys.map((k) => new PlainMessage(k, headers)),
  ).queues
  const deaths = deathsOf(headers)
  const m = new Incoming()
  for (const target of targets) {
    if (reason !== 'rejected' && isCycle(deaths, target.name)) continue
    encodeContent(exchange.name, keys[0] as string, properties, content.body, m)
    target.publish(m)
  }
}

/** The texts of a CC or BCC header; empty where it is absent or no array of texts. */
export function carbonCopyKeys(headers: FieldTable | undefined, name: 'CC' | 'BCC'): string[] {
  const v = headers?.get(name)
  return v?.type === 'A' ? v.value.flatMap((k) => (k.type === 'S' ? [k.value.toString()] : [])) : []
}

function deathsOf(headers: FieldTable | undefined): FieldTable[] {
  const v = headers?.get('x-death')
  return v?.type === 'A' ? v.value.flatMap((d) => (d.type === 'F' ? [d.value] : [])) : []
}

/** The queue is in the history and no client has rejected the message since. */
function isCycle(deaths: FieldTable[], queue: string): boolean {
  const at = deaths.findIndex((d) => d.text('queue') === queue)
  return at >= 0 && deaths.slice(0, at + 1).every((d) => d.text('reason') !== 'rejected')
}

function withDeath(
  content: Content,
  queue: string,
  reason: DeathReason,
  nowMs: number,
  carbonCopies: string[],
): FieldTable {
  const old = content.properties.headers ?? FieldTable.empty
  const deaths = deathsOf(old)
  const known = deaths.find((d) => d.text('queue') === queue && d.text('reason') === reason)
  const death = known ? counted(known) : firstDeath(content, queue, reason, nowMs, carbonCopies)
  const history: FieldValue = {
    type: 'A',
    value: [death, ...deaths.filter((d) => d !== known)].map((value) => ({ type: 'F', value })),
  }
  const last: Record<string, string> = { reason, queue, exchange: content.exchange }
  const entries: FieldEntry[] = old.entries.filter(
    (e) => e.name !== 'x-death' && !e.name.startsWith('x-last-death-'),
  )
  entries.push(fieldEntry('x-death', history))
  for (const [what, value] of Object.entries(last)) {
    if (old.get(`x-first-death-${what}`) === undefined)
      entries.push(fieldEntry(`x-first-death-${what}`, toField(value)))
    entries.push(fieldEntry(`x-last-death-${what}`, toField(value)))
  }
  return FieldTable.of(entries)
}

function counted(death: FieldTable): FieldTable {
  const before = death.get('count')
  const count = BigInt((before && integerOf(before)) ?? 0) + 1n
  return FieldTable.of(
    death.entries.map((e) => (e.name === 'count' ? fieldEntry('count', { type: 'l', value: count }) : e)),
  )
}

function firstDeath(
  content: Content,
  queue: string,
  reason: DeathReason,
  nowMs: number,
  carbonCopies: string[],
): FieldTable {
  const { expiration } = content.properties
  const keys = [content.routingKey, ...carbonCopies]
  return FieldTable.of([
    ...(expiration === undefined ? [] : [fieldEntry('original-expiration', toField(expiration))]),
    fieldEntry('count', { type: 'l', value: 1n }),
    fieldEntry('reason', toField(reason)),
    fieldEntry('queue', toField(queue)),
    fieldEntry('time', { type: 'T', value: BigInt(Math.floor(nowMs / 1000)) }),
    fieldEntry('exchange', toField(content.exchange)),
    fieldEntry('routing-keys', toField(keys)),
  ])
}
