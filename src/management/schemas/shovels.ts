/** The schema of a shovel in answers. */
import { count, object, type Schema, text } from './base.ts'

const ends = ['uri', 'protocol', 'queue', 'exchange', 'exchange_key'].flatMap((k) => [
  `src_${k}`,
  `dest_${k}`,
])
const number: Schema = { type: ['string', 'number'] }

export const shovel = object(
  { node: text, timestamp: text, name: text, vhost: text, type: text, state: text },
  {
    ...Object.fromEntries(ends.map((k) => [k, text])),
    reason: text,
    component: text,
    value: {},
    blocked_status: text,
    remaining: number,
    remaining_unacked: number,
    pending: count,
    forwarded: count,
  },
)
