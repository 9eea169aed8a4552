/** Shapes of definitions files of public projects, charts, exports and clients, each with what it leads to. */
import { expect, it } from 'vitest'
import { useHttp } from '../management/target.ts'

const http = useHttp()
const all = { configure: '.*', write: '.*', read: '.*' }
const queue = { durable: true, auto_delete: false, arguments: {} }
const exchange = { ...queue, internal: false }

interface Shape {
  readonly of: string
  readonly file: object
  /** What is there then: a path of the API, and some of its answer. */
  readonly leads: readonly (readonly [path: string, answer: object])[]
}

const taken: Shape[] = [
  {
    of: 'a role of OpenStack: mirroring for all, users by password',
    file: {
      vhosts: [{ name: '/' }],
      users: [
        { name: 'openstack', password: 'x', tags: 'administrator' },
        { name: 'monitor', password: 'y', tags: '' },
      ],
      permissions: [{ user: 'openstack', vhost: '/', ...all }],
      policies: [
        {
          vhost: '/',
          name: 'ha-all',
          pattern: '^(?!(amq\\.)|(.*_fanout_)|(reply_)).*',
          'apply-to': 'all',
          definition: { 'ha-mode': 'all', 'ha-promote-on-shutdown': 'always' },
          priority: 0,
        },
      ],
    },
    leads: [
      ['users/openstack', { tags: ['administrator'] }],
      ['users/monitor', { tags: [] }],
      ['policies/%2F/ha-all', { definition: { 'ha-mode': 'all' } }],
    ],
  },
  {
    of: "a chart's secret: a policy without its place and priority",
    file: {
      rabbit_version: '3.12.1',
      vhosts: [{ name: '/' }],
      policies: [{ name: 'dlx', pattern: '.*', vhost: '/', definition: { 'dead-letter-exchange': 'dlx' } }],
    },
    leads: [['policies/%2F/dlx', { 'apply-to': 'all', priority: 0 }]],
  },
  {
    of: "rabbitmqctl's export of 3.10",
    file: {
      rabbit_version: '3.10.8',
      product_name: 'RabbitMQ',
      users: [
        {
          name: 'exported',
          password_hash: 'Ob0Z40hiwtBjOQLoW+sYYi2cDX/yV3a5HIyNLtmy0P7cKWXH',
          hashing_algorithm: 'rabbit_password_hashing_sha256',
          tags: ['administrator'],
          limits: {},
        },
      ],
      vhosts: [
        {
          name: 'v310',
          limits: [{ name: 'max-queues', value: 5 }],
          metadata: { description: 'd', tags: [] },
        },
      ],
      topic_permissions: [
        { user: 'exported', vhost: 'v310', exchange: 'amq.topic', write: '.*', read: '.*' },
      ],
      parameters: [
        { component: 'federation-upstream', name: 'f', vhost: 'v310', value: { uri: 'amqp://x' } },
      ],
      global_parameters: [{ name: 'internal_cluster_id', value: 'rabbitmq-cluster-id-x' }],
      queues: [{ name: 'q', vhost: 'v310', ...queue }],
      exchanges: [{ name: 'e', vhost: 'v310', type: 'topic', ...exchange }],
      bindings: [
        {
          source: 'e',
          vhost: 'v310',
          destination: 'q',
          destination_type: 'queue',
          routing_key: '#',
          arguments: {},
        },
      ],
    },
    leads: [
      ['vhosts/v310', { description: 'd' }],
      ['queues/v310/q', { durable: true }],
      ['exchanges/v310/e', { type: 'topic' }],
      ['parameters/federation-upstream/v310/f', { value: { uri: 'amqp://x' } }],
    ],
  },
  {
    of: 'an export of 4.1, of one vhost of it and with kinds of queues',
    file: {
      rabbitmq_version: '4.1.0',
      original_cluster_name: 'rabbit@x',
      original_vhost: '/',
      default_queue_type: 'quorum',
      metadata: { owner: 'x' },
      queues: [{ name: 'qq', vhost: '/', type: 'quorum', ...queue, arguments: { 'x-queue-type': 'quorum' } }],
      vhosts: [
        {
          name: 'v41',
          default_queue_type: 'quorum',
          metadata: { description: '', tags: [], default_queue_type: 'quorum' },
        },
      ],
    },
    leads: [
      ['queues/%2F/qq', { type: 'quorum' }],
      ['vhosts/v41', { default_queue_type: 'quorum' }],
    ],
  },
  {
    of: 'a bus over exchanges of messages',
    file: {
      exchanges: ['A.B:C', 'A_in'].map((name) => ({ name, vhost: '/', type: 'fanout', ...exchange })),
      bindings: [
        {
          source: 'A.B:C',
          vhost: '/',
          destination: 'A_in',
          destination_type: 'exchange',
          routing_key: '',
          arguments: {},
        },
      ],
    },
    leads: [['exchanges/%2F/A.B%3AC', { type: 'fanout' }]],
  },
  {
    of: 'a cluster with operator policies and limits, which are parameters',
    file: {
      parameters: [
        {
          component: 'operator_policy',
          vhost: '/',
          name: 'o',
          value: { pattern: '^no', 'apply-to': 'queues', priority: 0, definition: { 'max-length': 10 } },
        },
        { component: 'vhost-limits', vhost: '/', name: 'limits', value: { 'max-connections': 1000 } },
      ],
    },
    leads: [['operator-policies/%2F/o', { definition: { 'max-length': 10 } }]],
  },
  {
    of: 'plugins: delayed exchanges, ports of MQTT',
    file: {
      global_parameters: [{ name: 'mqtt_port_to_vhost_mapping', value: { 1883: '/' } }],
      exchanges: [
        {
          name: 'later',
          vhost: '/',
          type: 'x-delayed-message',
          ...exchange,
          arguments: { 'x-delayed-type': 'direct' },
        },
      ],
    },
    leads: [
      ['exchanges/%2F/later', { type: 'x-delayed-message' }],
      ['global-parameters/mqtt_port_to_vhost_mapping', { value: { 1883: '/' } }],
    ],
  },
  {
    of: 'scripts: tags in one text, nothing for empty, a user who logs in elsewhere, an old hash',
    file: {
      users: [
        { name: 'tagged', password: 'p', tags: 'monitoring, management' },
        { name: 'elsewhere', password_hash: '', tags: 'management' },
        {
          name: 'old',
          password_hash: 'AAAAAGfzGWUzs5bkjBQ2JDlvA/s=',
          hashing_algorithm: 'rabbit_password_hashing_md5',
          tags: '',
        },
      ],
      queues: [{ name: 'n', vhost: '/', durable: true, auto_delete: false, arguments: null }],
      bindings: [
        {
          source: 'amq.topic',
          vhost: '/',
          destination: 'n',
          destination_type: 'queue',
          routing_key: 'a',
          arguments: [],
          properties_key: 'a',
        },
      ],
    },
    leads: [
      ['users/tagged', { tags: ['monitoring', 'management'] }],
      ['users/elsewhere', { password_hash: '' }],
      ['queues/%2F/n', { arguments: {} }],
    ],
  },
]

const refused: [of: string, file: object, line: string][] = [
  ['a queue without a vhost', { queues: [{ name: 'x', ...queue }] }, 'vhost missing'],
  [
    'numbers as texts',
    { queues: [{ name: 'ttl', vhost: '/', ...queue, arguments: { 'x-message-ttl': '60000' } }] },
    "invalid arg 'x-message-ttl'",
  ],
  ['permissions of nobody', { permissions: [{ user: 'ghost', vhost: '/', ...all }] }, 'no such user: ghost'],
  [
    'a policy that RabbitMQ does not know',
    { policies: [{ name: 'p', vhost: '/', pattern: '.*', definition: { 'max-lenght': 5 } }] },
    'max-lenght',
  ],
]

it.each(taken)('$of', async ({ file, leads }) => {
  const r = await http.post('definitions', file)
  expect([r.status, r.json]).toEqual([204, undefined])
  for (const [path, answer] of leads) {
    const found = await http.get(path)
    expect({ path, ...found }).toMatchObject({ path, status: 200, json: answer })
  }
})

it.each(refused)('%s is refused in one line', async (_, file, line) => {
  const r = await http.post('definitions', file)
  expect([r.status, r.json.reason]).toEqual([400, expect.stringContaining(line)])
})
