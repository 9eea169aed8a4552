/**
 * The integration tests of two client libraries as requests and expectations: rabbit-hole (Go, under Terraform's
 * providers) and hop (Java, under Spring Cloud Stream and others). `{n}` is a name of the case's own.
 */
import { expect } from 'vitest'
import { accessOfRabbitHole } from './suite-access.ts'
import { hop } from './suite-hop.ts'
import { parametersOfRabbitHole } from './suite-parameters.ts'

export interface Step {
  readonly ask: string
  readonly body?: unknown
  /** Default: any 2xx. */
  readonly status?: number
  /** The answer has these fields with these values. */
  readonly shows?: unknown
  /** One of the rows of the answer, or of what is at `in`, has these fields. */
  readonly has?: object
  /** None has. */
  readonly lacks?: object
  readonly in?: string
  readonly length?: number
  /** Keeps the last part of the Location as `{props}`, unescaped once. */
  readonly keepsLocation?: true
}

export interface SuiteCase {
  readonly of: string
  readonly steps: readonly Step[]
  /** Debian's RabbitMQ does not have it, or not without a plugin. */
  readonly beyond?: string
}

const NOT_FOUND = { status: 404, shows: { error: 'Object Not Found', reason: 'Not Found' } } as const
const text = expect.any(String)
const amount = expect.any(Number)
const noCounts = {
  transactional: false,
  messages_unacknowledged: 0,
  messages_unconfirmed: 0,
  messages_uncommitted: 0,
  acks_uncommitted: 0,
}

const nodesAndClients: SuiteCase[] = [
  {
    of: 'overview',
    steps: [
      {
        ask: 'GET overview',
        shows: {
          node: text,
          message_stats: {
            deliver_details: { rate: amount },
            deliver_get_details: { rate: amount },
            return_unroutable: amount,
            return_unroutable_details: { rate: amount },
          },
        },
      },
      ...['direct', 'fanout', 'topic', 'headers'].map((name) => ({
        ask: 'GET overview',
        in: 'exchange_types',
        has: { name },
      })),
      { ask: 'GET overview', in: 'listeners', has: { protocol: 'amqp', port: amount } },
    ],
  },
  { of: 'whoami', steps: [{ ask: 'GET whoami', shows: { name: 'guest', tags: ['administrator'] } }] },
  { of: 'nodes', steps: [{ ask: 'GET nodes', has: { name: text, running: true, partitions: [] } }] },
  {
    of: 'a node',
    steps: [{ ask: 'GET nodes/{node}', shows: { name: text, running: true, partitions: [] } }],
  },
  {
    of: 'the name of the cluster',
    steps: [
      { ask: 'GET cluster-name', shows: { name: text } },
      { ask: 'PUT cluster-name', body: { name: 'rabbitmq@rabbit-hole-test' }, status: 204 },
      { ask: 'GET cluster-name', shows: { name: 'rabbitmq@rabbit-hole-test' } },
    ],
  },
  {
    of: 'connections',
    steps: [{ ask: 'GET connections', has: { vhost: '{vhost}', host: text, ssl: false } }],
  },
  {
    of: 'channels',
    steps: [{ ask: 'GET channels', has: { vhost: '{vhost}', user: 'guest', node: text, ...noCounts } }],
  },
  {
    of: 'a connection',
    steps: [{ ask: 'GET connections/{connection}', shows: { protocol: 'AMQP 0-9-1', user: 'guest' } }],
  },
  {
    of: 'a channel',
    steps: [
      { ask: 'GET channels/{channel}', shows: { vhost: '{vhost}', user: 'guest', transactional: false } },
    ],
  },
  {
    of: 'connections of a vhost',
    steps: [{ ask: 'GET vhosts/{v}/connections', has: { protocol: 'AMQP 0-9-1', user: 'guest' } }],
  },
  {
    of: 'consumers',
    steps: [
      {
        ask: 'GET consumers',
        has: {
          consumer_tag: 'reader',
          ack_required: true,
          exclusive: false,
          queue: { name: '{queue}', vhost: '{vhost}' },
        },
      },
      { ask: 'GET consumers/{v}', has: { consumer_tag: 'reader', ack_required: true } },
    ],
  },
  {
    of: 'feature flags',
    steps: [
      { ask: 'GET feature-flags', has: { name: 'quorum_queue', state: 'enabled' } },
      { ask: 'PUT feature-flags/quorum_queue/enable', body: { name: 'quorum_queue' }, status: 204 },
    ],
  },
]

const queuesAndExchanges: SuiteCase[] = [
  {
    of: 'exchanges',
    steps: [
      { ask: 'GET exchanges', shows: [{ name: '', durable: true }], length: 1, in: 'first' },
      { ask: 'GET exchanges/%2F', shows: [{ name: '', durable: true }], length: 1, in: 'first' },
      {
        ask: 'GET exchanges/{v}/amq.headers',
        shows: {
          name: 'amq.headers',
          durable: true,
          auto_delete: false,
          internal: false,
          type: 'headers',
          vhost: '{vhost}',
          arguments: {},
        },
      },
    ],
  },
  {
    of: 'queues',
    steps: [
      {
        ask: 'GET queues',
        has: { name: '{queue}', vhost: '{vhost}', node: text, durable: true, state: 'running' },
      },
      { ask: 'GET queues/{v}', has: { name: '{queue}', vhost: '{vhost}', durable: true } },
      { ask: 'GET queues/{v}/{queue}', shows: { name: '{queue}', vhost: '{vhost}', state: 'running' } },
      {
        ask: 'GET queues?lengths_age=1800&lengths_incr=30',
        has: { name: '{queue}', messages_details: { samples: expect.arrayContaining([expect.anything()]) } },
      },
      {
        ask: 'GET queues/{v}?lengths_age=1800&lengths_incr=30',
        has: { name: '{queue}', messages_details: { samples: expect.arrayContaining([expect.anything()]) } },
      },
      {
        ask: 'GET queues?page=1',
        shows: {
          page: 1,
          page_size: 100,
          page_count: amount,
          item_count: amount,
          total_count: amount,
          filtered_count: amount,
        },
      },
      { ask: 'GET queues/{v}?page=1', shows: { page: 1, page_size: 100, page_count: 1 } },
    ],
  },
  {
    of: 'an exchange declared and deleted',
    steps: [
      {
        ask: 'PUT exchanges/{v}/{n}',
        body: { type: 'fanout', durable: false, auto_delete: false, arguments: {} },
      },
      {
        ask: 'GET exchanges/{v}/{n}',
        shows: { name: '{n}', durable: false, auto_delete: false, type: 'fanout', vhost: '{vhost}' },
      },
      { ask: 'DELETE exchanges/{v}/{n}' },
      { ask: 'GET exchanges/{v}/{n}', ...NOT_FOUND },
    ],
  },
  {
    of: 'a queue declared with its type twice, and deleted',
    steps: [
      {
        ask: 'PUT queues/{v}/{n}',
        body: { type: 'quorum', durable: true, auto_delete: false, arguments: { 'x-queue-type': 'quorum' } },
      },
      {
        ask: 'GET queues/{v}/{n}',
        shows: { name: '{n}', durable: true, auto_delete: false, arguments: { 'x-queue-type': 'quorum' } },
      },
      { ask: 'DELETE queues/{v}/{n}' },
      { ask: 'GET queues/{v}/{n}', ...NOT_FOUND },
    ],
  },
  ...['?if-empty=true', '?if-unused=true', '?if-empty=true&if-unused=true', ''].map((query) => ({
    of: `a queue deleted with ${query === '' ? 'no condition' : query}`,
    steps: [
      { ask: 'PUT queues/{v}/{n}', body: { type: '', durable: false, auto_delete: false } },
      { ask: `DELETE queues/{v}/{n}${query}` },
      { ask: 'GET queues/{v}/{n}', ...NOT_FOUND },
    ],
  })),
  {
    of: 'a queue purged, and its mirrors synchronised',
    steps: [
      { ask: 'PUT queues/{v}/{n}', body: { durable: true } },
      { ask: 'DELETE queues/{v}/{n}/contents' },
      { ask: 'POST queues/{v}/{n}/actions', body: { action: 'sync' }, status: 204 },
      { ask: 'POST queues/{v}/{n}/actions', body: { action: 'cancel_sync' }, status: 204 },
      { ask: 'DELETE queues/{v}/{n}' },
    ],
  },
  {
    of: 'bindings',
    steps: [
      {
        ask: 'GET bindings',
        has: { vhost: '{vhost}', source: 'events', destination: '{queue}', destination_type: 'queue' },
      },
      {
        ask: 'GET bindings/{v}',
        has: { vhost: '{vhost}', source: 'events', destination: 'amq.fanout', destination_type: 'exchange' },
      },
      {
        ask: 'GET queues/{v}/{queue}/bindings',
        has: { source: '', destination: '{queue}', routing_key: '{queue}', vhost: '{vhost}' },
      },
      {
        ask: 'GET bindings/{v}/e/events/q/{queue}',
        shows: [{ source: 'events', destination: '{queue}', routing_key: 'a.#' }],
        length: 1,
      },
      {
        ask: 'GET bindings/{v}/e/events/e/amq.fanout',
        shows: [{ source: 'events', destination: 'amq.fanout', routing_key: 'b' }],
        length: 1,
      },
      {
        ask: 'GET exchanges/{v}/events/bindings/source',
        has: { destination: 'amq.fanout', routing_key: 'b' },
      },
      {
        ask: 'GET exchanges/{v}/amq.fanout/bindings/destination',
        has: { source: 'events', routing_key: 'b' },
      },
    ],
  },
  ...[
    ['q', 'queue', 'queues', { durable: true }],
    ['e', 'exchange', 'exchanges', { type: 'topic', durable: true }],
  ].map(([letter, kind, list, body]) => ({
    of: `a binding to a ${kind} made, found by its Location and deleted`,
    steps: [
      { ask: `PUT ${list}/{v}/{n}`, body },
      {
        ask: `POST bindings/{v}/e/amq.topic/${letter}/{n}`,
        body: {
          source: 'amq.topic',
          vhost: '',
          destination: '{n}',
          destination_type: kind,
          routing_key: '#',
          arguments: { one: 'two' },
          properties_key: '',
        },
        status: 201,
        keepsLocation: true as const,
      },
      {
        ask: `GET bindings/{v}/e/amq.topic/${letter}/{n}`,
        has: {
          source: 'amq.topic',
          vhost: '{vhost}',
          destination_type: kind,
          routing_key: '#',
          properties_key: '{props}',
        },
      },
      { ask: `DELETE bindings/{v}/e/amq.topic/${letter}/{n}/{escapedProps}` },
      { ask: `GET bindings/{v}/e/amq.topic/${letter}/{n}`, length: 0 },
      { ask: `DELETE ${list}/{v}/{n}` },
    ],
  })),
]

export const suites: ReadonlyMap<string, readonly SuiteCase[]> = new Map([
  [
    'rabbit-hole',
    [...nodesAndClients, ...queuesAndExchanges, ...accessOfRabbitHole, ...parametersOfRabbitHole],
  ],
  ['hop', hop],
])
