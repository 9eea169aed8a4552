/** What requests and definitions files say in the same words. */
import type { VhostRequest } from '../operations/vhosts.ts'
import { FieldTable, type PlainValue } from '../protocol/field-table.ts'

type Json = { [key: string]: unknown }

export function argumentsOf(body: Json): FieldTable {
  const args = body['arguments']
  return args !== null && typeof args === 'object'
    ? FieldTable.from(args as { [name: string]: PlainValue })
    : FieldTable.empty
}

/** Tags come as a list or as a text with commas. */
export function tagList(tags: unknown): string[] {
  const list = Array.isArray(tags) ? tags.map(String) : typeof tags === 'string' ? tags.split(',') : []
  return list.map((t) => t.trim()).filter((t) => t !== '')
}

export function vhostRequest(body: Json): VhostRequest {
  const metadata = (body['metadata'] ?? {}) as Json
  const description = body['description'] ?? metadata['description']
  const type = body['default_queue_type'] ?? metadata['default_queue_type']
  const tags = body['tags'] ?? metadata['tags']
  const kept = body['protected_from_deletion'] ?? metadata['protected_from_deletion']
  return {
    ...(typeof description === 'string' ? { description } : {}),
    ...(typeof type === 'string' ? { defaultQueueType: type } : {}),
    ...(tags === undefined ? {} : { tags: tagList(tags) }),
    ...(kept === undefined ? {} : { protected: kept === true || kept === 'true' }),
  }
}
