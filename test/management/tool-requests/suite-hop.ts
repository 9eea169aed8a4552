/** hop's tests, where rabbit-hole's do not ask the same. */
import { expect } from 'vitest'
import type { Step, SuiteCase } from './suites.ts'

const text = expect.any(String)
const amount = expect.any(Number)
const truth = expect.any(Boolean)
/** What hop takes for null. */
const NONE = { status: 404 } as const

function paged(path: string): Step {
  return {
    ask: `GET ${path}?page=1&page_size=10&pagination=true`,
    shows: {
      filtered_count: amount,
      item_count: amount,
      page: 1,
      page_count: amount,
      page_size: 10,
      total_count: amount,
      items: expect.any(Array),
    },
  }
}

const names = [
  'http-created',
  'http_created',
  'http created',
  'создан по хатэтэпэ',
  'creado a través de HTTP',
  '通过http',
  'HTTP를 통해 생성',
  'HTTPを介して作成',
  'created over http?',
  'created @ http API',
  'http पर बनाया',
  'ถูกสร้างขึ้นผ่าน HTTP',
  '±!@^&#*',
]

const missing = ['exchanges', 'queues', 'policies', 'operator-policies', 'vhost-limits'].map((list) => ({
  of: `${list} of a vhost that is not there`,
  steps: [{ ask: `GET ${list}/lolwut`, ...NONE }],
}))

const clients: SuiteCase[] = [
  {
    of: 'overview',
    steps: [
      {
        ask: 'GET overview',
        shows: {
          erlang_version: text,
          message_stats: { publish: amount, confirm: amount, deliver: amount, return_unroutable: amount },
          queue_totals: { messages: amount, messages_ready: amount, messages_unacknowledged: amount },
          object_totals: {
            connections: amount,
            channels: amount,
            exchanges: amount,
            queues: amount,
            consumers: amount,
          },
          contexts: expect.any(Array),
        },
      },
      { ask: 'GET overview', in: 'contexts', has: { description: text, path: text } },
    ],
  },
  {
    of: 'nodes',
    steps: [
      {
        ask: 'GET nodes',
        has: {
          proc_used: amount,
          proc_total: amount,
          run_queue: amount,
          mem_used: amount,
          mem_limit: amount,
        },
      },
    ],
  },
  {
    of: 'pages of connections, channels, exchanges and queues',
    steps: ['connections', 'channels', 'exchanges/%2F', 'exchanges', 'queues', 'queues/{v}'].map(paged),
  },
  {
    of: 'queues of a page by a pattern that is none of a regular language',
    steps: [
      {
        ask: 'GET queues?name=%5Eorders*&use_regex=true&page=1&page_size=10&pagination=true',
        in: 'items',
        has: { name: '{queue}' },
      },
    ],
  },
  {
    of: 'connections of a user',
    steps: [{ ask: 'GET connections/username/guest', has: { user: 'guest', vhost: '{vhost}' } }],
  },
  {
    of: 'channels of a connection',
    steps: [
      {
        ask: 'GET connections/{connection}/channels',
        has: {
          number: 2,
          consumer_count: 1,
          node: text,
          state: 'running',
          confirm: false,
          transactional: false,
        },
      },
    ],
  },
  {
    of: 'consumers of another vhost',
    steps: [{ ask: 'GET consumers/%2F', lacks: { consumer_tag: 'reader' } }],
  },
  {
    of: 'a queue with rates and lengths',
    steps: [
      {
        ask: 'GET queues/{v}/{queue}?msg_rates_age=60&msg_rates_incr=5&lengths_age=60&lengths_incr=5',
        shows: {
          messages_details: { rate: amount, avg: amount, avg_rate: amount, samples: expect.any(Array) },
          messages_ready_details: { rate: amount },
          message_stats: { publish_details: { rate: amount } },
          effective_policy_definition: { 'max-length': 1000 },
        },
      },
    ],
  },
]

const objects: SuiteCase[] = [
  ...names.map((name) => ({
    of: `a vhost ${name}`,
    steps: [
      { ask: `PUT vhosts/${encodeURIComponent(name)}` },
      { ask: `GET vhosts/${encodeURIComponent(name)}`, shows: { name } },
      { ask: `DELETE vhosts/${encodeURIComponent(name)}` },
      { ask: `GET vhosts/${encodeURIComponent(name)}`, ...NONE },
      { ask: `DELETE vhosts/${encodeURIComponent(name)}`, ...NONE },
    ],
  })),
  {
    of: 'a vhost with all it can be told',
    steps: [
      {
        ask: 'PUT vhosts/{n}',
        body: { tracing: true, description: 'vhost description', tags: 'production,application1,realm1' },
      },
      {
        ask: 'GET vhosts/{n}',
        shows: {
          description: 'vhost description',
          tags: ['production', 'application1', 'realm1'],
          tracing: true,
        },
      },
      { ask: 'DELETE vhosts/{n}' },
    ],
  },
  {
    of: 'a queue declared, in its list, and not deleted while it is not empty',
    steps: [
      {
        ask: 'PUT queues/{v}/{n}',
        body: { durable: true, exclusive: false, auto_delete: false, arguments: {} },
      },
      { ask: 'GET queues/{v}', has: { name: '{n}', durable: true, exclusive: truth, auto_delete: false } },
      {
        ask: 'POST exchanges/{v}/amq.default/publish',
        body: { routing_key: '{n}', payload: 'test', payload_encoding: 'string', properties: {} },
        shows: { routed: true },
      },
      { ask: 'DELETE queues/{v}/{n}?if-empty=true', status: 400 },
      { ask: 'DELETE queues/{v}/{n}' },
      { ask: 'GET queues/{v}', lacks: { name: '{n}' } },
    ],
  },
  {
    of: 'a queue in a vhost that is not there',
    steps: [{ ask: 'PUT queues/lolwut/{n}', body: { durable: true }, ...NONE }],
  },
  ...(['q', 'e'] as const).map((letter) => ({
    of: `a binding with two arguments (${letter})`,
    steps: [
      {
        ask: `PUT ${letter === 'q' ? 'queues' : 'exchanges'}/{v}/{n}`,
        body: { type: 'fanout', durable: true },
      },
      {
        ask: `POST bindings/{v}/e/amq.topic/${letter}/{n}`,
        body: { routing_key: '', arguments: { arg1: 'value1', arg2: 'value2' } },
        status: 201,
      },
      {
        ask: `GET bindings/{v}/e/amq.topic/${letter}/{n}`,
        shows: [{ arguments: { arg1: 'value1', arg2: 'value2' } }],
        length: 1,
      },
      { ask: `DELETE ${letter === 'q' ? 'queues' : 'exchanges'}/{v}/{n}` },
    ],
  })),
  {
    of: 'bindings of the default exchange',
    steps: [
      {
        ask: 'GET exchanges/{v}/amq.default/bindings/source',
        has: { source: '', destination: '{queue}', destination_type: 'queue' },
      },
    ],
  },
  {
    of: 'an operator policy that does not say for what',
    steps: [
      {
        ask: 'PUT operator-policies/{v}/{n}',
        body: { pattern: 'nothing-of-this-name', priority: 1, definition: { 'max-length': 6 } },
      },
      { ask: 'GET operator-policies/{v}', has: { name: '{n}', 'apply-to': 'all' } },
      { ask: 'DELETE operator-policies/{v}/{n}' },
    ],
  },
]

const accessAndHealth: SuiteCase[] = [
  ...[
    'vhosts/lolwut/permissions',
    'vhosts/lolwut/topic-permissions',
    'users/lolwut',
    'users/lolwut/permissions',
    'users/lolwut/topic-permissions',
    'permissions/lolwut/guest',
    'permissions/%2F/lolwut',
    'topic-permissions/lolwut/guest',
    'topic-permissions/%2F/lolwut',
  ].map((path) => ({ of: `what is not there: ${path}`, steps: [{ ask: `GET ${path}`, ...NONE }] })),
  {
    of: 'tags of a user changed',
    steps: [
      { ask: 'PUT users/{n}', body: { password: 'p', tags: 'original,management' } },
      { ask: 'PUT users/{n}', body: { password: 'p', tags: 'management,updated' } },
      { ask: 'GET users/{n}', shows: { tags: ['management', 'updated'], hashing_algorithm: text } },
      { ask: 'DELETE users/{n}' },
    ],
  },
  ...['permissions', 'topic-permissions'].map((list) => ({
    of: `${list} in a vhost that is not there`,
    steps: [
      { ask: 'PUT users/{n}', body: { password: 'p', tags: 'management,http,policymaker' } },
      {
        ask: `PUT ${list}/lolwut/{n}`,
        body: { exchange: 'amq.topic', configure: 'c', write: 'w', read: 'r' },
        status: 400,
      },
      { ask: 'DELETE users/{n}' },
    ],
  })),
  {
    of: 'limits of a user',
    steps: [
      { ask: 'PUT users/{n}', body: { password: 'p', tags: '' } },
      { ask: 'PUT user-limits/{n}/max-connections', body: { value: 10 } },
      { ask: 'PUT user-limits/{n}/max-channels', body: { value: 100 } },
      { ask: 'GET user-limits', has: { user: '{n}', value: { 'max-connections': 10, 'max-channels': 100 } } },
      {
        ask: 'GET user-limits/{n}',
        shows: [{ user: '{n}', value: { 'max-connections': 10, 'max-channels': 100 } }],
      },
      { ask: 'DELETE user-limits/{n}/max-connections' },
      { ask: 'GET user-limits/{n}', shows: [{ value: { 'max-channels': 100 } }] },
      { ask: 'DELETE users/{n}' },
    ],
  },
  ...['alarms', 'local-alarms', 'node-is-quorum-critical', 'virtual-hosts', 'protocol-listener/amqp'].map(
    (check) => ({
      of: `the health check ${check}`,
      steps: [{ ask: `GET health/checks/${check}`, shows: { status: 'ok' } }],
    }),
  ),
  { of: 'aliveness', steps: [{ ask: 'GET aliveness-test/{v}', shows: { status: 'ok' } }] },
  {
    of: 'deprecated features',
    beyond: 'since 3.13',
    steps: [{ ask: 'GET deprecated-features', has: { name: text } }, { ask: 'GET deprecated-features/used' }],
  },
  { of: 'leaders of queues rebalanced', steps: [{ ask: 'POST rebalance/queues', body: {}, status: 204 }] },
  {
    of: 'ports of MQTT to vhosts',
    steps: [
      {
        ask: 'PUT global-parameters/mqtt_port_to_vhost_mapping',
        body: { value: { 2024: 'vhost1', 2025: 'vhost2' } },
      },
      {
        ask: 'GET global-parameters/mqtt_port_to_vhost_mapping',
        shows: { value: { 2024: 'vhost1', 2025: 'vhost2' } },
      },
      { ask: 'DELETE global-parameters/mqtt_port_to_vhost_mapping' },
      { ask: 'GET global-parameters/mqtt_port_to_vhost_mapping', ...NONE },
    ],
  },
]

const set = 'parameters/federation-upstream-set/{v}/{n}'
const shovel = {
  'src-protocol': 'amqp091',
  'src-uri': ['amqp://localhost:1/vh1', 'amqp://localhost:1/vh3'],
  'src-queue': 'queue1',
  'src-prefetch-count': 50,
  'src-delete-after': 'never',
  'dest-protocol': 'amqp091',
  'dest-uri': ['amqp://localhost:1/vh2'],
  'dest-exchange': 'exchange1',
  'dest-add-timestamp-header': true,
  'reconnect-delay': 30,
  'add-forward-headers': true,
}

const parameters: SuiteCase[] = [
  {
    of: 'a set of upstreams',
    beyond: 'the federation plugin',
    steps: [
      {
        ask: `PUT ${set}`,
        body: {
          value: [
            { upstream: 'A', exchange: 'exchangeA' },
            { upstream: 'B', exchange: 'exchangeB' },
          ],
        },
      },
      {
        ask: 'GET parameters/federation-upstream-set',
        has: {
          name: '{n}',
          value: [
            { upstream: 'A', exchange: 'exchangeA' },
            { upstream: 'B', exchange: 'exchangeB' },
          ],
        },
      },
      { ask: `DELETE ${set}` },
    ],
  },
  {
    of: 'a shovel with everything, in definitions and by itself',
    beyond: 'the shovel plugin',
    steps: [
      {
        ask: 'PUT parameters/shovel/{v}/{n}',
        body: { vhost: '{vhost}', component: 'shovel', name: '{n}', value: shovel },
      },
      { ask: 'GET parameters/shovel', has: { name: '{n}', value: shovel } },
      { ask: 'GET definitions', in: 'parameters', has: { name: '{n}', component: 'shovel', value: shovel } },
      {
        ask: 'GET shovels',
        has: { name: '{n}', type: 'dynamic', vhost: '{vhost}', node: text, state: text },
      },
      { ask: 'DELETE parameters/shovel/{v}/{n}' },
    ],
  },
]

export const hop: readonly SuiteCase[] = [
  ...clients,
  ...objects,
  ...missing,
  ...accessAndHealth,
  ...parameters,
]
