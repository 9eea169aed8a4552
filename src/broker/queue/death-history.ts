/** How an x-death header set by a publisher is read: this depends on the announced version of RabbitMQ. */
import { FieldTable, type FieldValue, fieldEntry } from '../../protocol/field-table.ts'
import type { Semantics } from '../../util/rabbitmq-version.ts'
import type { Content } from '../message.ts'
import { deathsOf } from './dead-letter.ts'

/** The message to dead-letter, with only the history that the broker wrote or that counts as such. */
export function withOwnHistory(content: Content, semantics: Semantics): Content {
  const { headers } = content.properties
  if (content.died === true || headers === undefined) return content
  const counts = semantics.publishedDeathsCount && headers.get('x-death')?.type === 'A'
  const kept = counts ? grouped(headers) : withoutHistory(headers)
  return { ...content, properties: { ...content.properties, headers: kept } }
}

function withoutHistory(headers: FieldTable): FieldTable {
  const isHistory = (name: string): boolean => name === 'x-death' || /^x-(first|last)-death-/.test(name)
  return FieldTable.of(headers.entries.filter((e) => !isHistory(e.name)))
}

/** One entry per queue and reason: the first of them, with the number of entries as count if it has none. */
function grouped(headers: FieldTable): FieldTable {
  const groups = new Map<string, FieldTable[]>()
  for (const death of deathsOf(headers)) {
    const key = JSON.stringify([death.text('queue'), death.text('reason')])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [death])
    else group.push(death)
  }
  const value = [...groups.values()].map((deaths): FieldValue => ({ type: 'F', value: counted(deaths) }))
  return FieldTable.of(
    headers.entries.map((e) => (e.name === 'x-death' ? fieldEntry('x-death', { type: 'A', value }) : e)),
  )
}

function counted(deaths: readonly FieldTable[]): FieldTable {
  const first = deaths[0] as FieldTable
  if (deaths.length === 1 || first.get('count') !== undefined) return first
  const count = fieldEntry('count', { type: 'l', value: BigInt(deaths.length) })
  return FieldTable.of([count, ...first.entries])
}
