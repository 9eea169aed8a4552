/** Names of fields that many of the tables have. */
import type { Need, Needs } from './table.ts'

export const queue = { name: '{queue}', vhost: '{vhost}' }
export const inVhost = { vhost: '{vhost}' }

export function each(prefix: string, need: Need, ...names: readonly string[]): Needs {
  return Object.fromEntries(names.map((n) => [`${prefix}${n}`, need]))
}

/** @param names with spaces between them */
export const all = (need: Need, names: string): Needs => each('', need, ...names.split(' '))

/** Counters with their rates. */
export function counters(prefix: string, need: Need, ...names: readonly string[]): Needs {
  return Object.fromEntries(
    names.flatMap((n) => [
      [`${prefix}${n}`, need],
      [`${prefix}${n}_details.rate`, need],
    ]),
  )
}

export const totals = each('', 'number', 'connections', 'channels', 'queues', 'exchanges', 'consumers')
export const inside = (prefix: string, needs: Needs): Needs =>
  Object.fromEntries(Object.entries(needs).map(([k, need]) => [`${prefix}${k}`, need]))
export const rows = (needs: Needs): Needs => inside('[].', needs)

export const lengths = ['messages', 'messages_ready', 'messages_unacknowledged']
export const bytes = [
  'message_bytes',
  'message_bytes_ready',
  'message_bytes_unacknowledged',
  'message_bytes_ram',
]
