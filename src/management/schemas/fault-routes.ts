/** Documents the routes of `routes/faults.ts`. */
import type { RouteDoc } from './route-doc.ts'

export const faults: { readonly [route: string]: RouteDoc } = {
  'GET parked-messages': {
    summary:
      'Messages that the broker cannot handle and has set aside; an empty queue = of a delayed exchange',
    answer: 'ParkedMessage',
    list: 'all',
  },
  'GET parked-messages/:vhost': { summary: 'Those of a vhost', answer: 'ParkedMessage', list: 'all' },
  'GET quarantined-objects': {
    summary: 'Stored objects that could not be read or used at the start: kept, and not served',
    answer: 'QuarantinedObject',
    list: 'all',
  },
  'DELETE quarantined-objects/:key': { summary: 'Forgets a stored object that was set aside, for good' },
  'POST queues/:vhost/:name/release': {
    summary: 'Makes the messages of a queue that were set aside ready again',
    answer: 'Released',
  },
  'DELETE queues/:vhost/:name/parked-messages/:number': {
    summary: 'Drops one message of a queue that was set aside',
  },
  'POST queues/:vhost/:name/parked-messages/:number/release': {
    summary: 'Makes one message of a queue that was set aside ready again',
  },
  'DELETE parked-delayed-messages/:number': {
    summary: 'Drops a message of a delayed exchange that was set aside',
  },
  'POST parked-delayed-messages/:number/release': {
    summary: 'Hands out a message of a delayed exchange that was set aside, once more',
  },
}
