/** rabbit-hole's tests of policies, parameters, definitions, shovels and federation's parameters. */
import { expect } from 'vitest'
import type { Step, SuiteCase } from './suites.ts'

const NOT_FOUND = { status: 404, shows: { error: 'Object Not Found', reason: 'Not Found' } } as const

const mirrored = { expires: 100, 'ha-mode': 'all' }
const changed = { 'max-length': 100, 'ha-mode': 'nodes', 'ha-params': ['a', 'b', 'c'] }
const limited = { expires: 100, 'delivery-limit': 202 }
const limitedAnew = { 'max-length': 100, 'max-length-bytes': 100_000, 'message-ttl': 606 }

/** Names and vhost are in the body, too, empty. */
function policyBody(definition: object, applyTo: string, pattern = 'no-queue-of-this-name'): object {
  return { vhost: '', pattern, 'apply-to': applyTo, name: '', priority: 0, definition }
}

function policies(list: string, first: object, second: object, applyTo: string): SuiteCase {
  const path = `${list}/{v}/{n}`
  return {
    of: `${list} made, listed, changed and deleted`,
    steps: [
      { ask: `GET ${path}`, ...NOT_FOUND },
      { ask: `GET ${list}/{v}`, lacks: { name: '{n}' } },
      { ask: `PUT ${path}`, body: policyBody(first, applyTo) },
      {
        ask: `GET ${path}`,
        shows: { vhost: '{vhost}', name: '{n}', 'apply-to': applyTo, priority: 0, definition: first },
      },
      { ask: `GET ${list}`, has: { name: '{n}', vhost: '{vhost}' } },
      { ask: `GET ${list}/{v}`, has: { name: '{n}', definition: first } },
      { ask: `GET ${list}/%2F`, lacks: { name: '{n}' } },
      { ask: `PUT ${path}`, body: policyBody(second, 'queues', 'no-\\d+') },
      { ask: `GET ${path}`, shows: { pattern: 'no-\\d+', 'apply-to': 'queues', definition: second } },
      { ask: `DELETE ${path}` },
      { ask: `GET ${path}`, ...NOT_FOUND },
    ],
  }
}

const FEDERATION = 'the federation plugin'
const upstream = 'parameters/federation-upstream/{v}/{n}'
const values = [
  {
    uri: ['amqp://127.0.0.1/%2f'],
    'prefetch-count': 1000,
    'reconnect-delay': 1,
    'ack-mode': 'on-confirm',
    'trust-user-id': false,
  },
  {
    uri: ['amqp://128.0.0.1/%2f', 'amqp://128.0.0.7/%2f'],
    'prefetch-count': 500,
    'reconnect-delay': 10,
    'ack-mode': 'no-ack',
    'trust-user-id': true,
  },
  {
    uri: 'amqp://server-name',
    'prefetch-count': 500,
    'reconnect-delay': 5,
    'ack-mode': 'on-confirm',
    'trust-user-id': false,
  },
] as const

const federation: SuiteCase[] = [
  {
    of: 'upstreams of federation, made, listed, changed and deleted',
    beyond: FEDERATION,
    steps: [
      { ask: `GET ${upstream}`, ...NOT_FOUND },
      { ask: `DELETE ${upstream}`, status: 404 },
      ...values.flatMap((value): Step[] => [
        { ask: `PUT ${upstream}`, body: { component: '', vhost: '', name: '', value } },
        {
          ask: `GET ${upstream}`,
          shows: { vhost: '{vhost}', name: '{n}', component: 'federation-upstream', value },
        },
      ]),
      { ask: 'GET parameters/federation-upstream', has: { name: '{n}', vhost: '{vhost}' } },
      { ask: 'GET parameters/federation-upstream/{v}', has: { name: '{n}' } },
      { ask: 'GET parameters', has: { name: '{n}', component: 'federation-upstream' } },
      { ask: `DELETE ${upstream}` },
      { ask: `GET ${upstream}`, ...NOT_FOUND },
      { ask: 'GET parameters/federation-upstream/{v}', lacks: { name: '{n}' } },
    ],
  },
]

const shovelPath = 'parameters/shovel/{v}/{n}'
const shovelValue = {
  'src-uri': ['amqp://127.0.0.1:1/%2f'],
  'src-queue': 'mySourceQueue',
  'dest-uri': ['amqp://127.0.0.1:1/%2f'],
  'dest-queue': 'myDestQueue',
  'add-forward-headers': true,
  'ack-mode': 'on-confirm',
}

const shovels: SuiteCase[] = ['never', 42].map((after) => ({
  of: `a shovel that is deleted after ${after}`,
  beyond: 'the shovel plugin',
  steps: [
    {
      ask: `PUT ${shovelPath}`,
      body: { value: { ...shovelValue, 'delete-after': after, 'dest-add-forward-headers': false } },
    },
    {
      ask: `GET ${shovelPath}`,
      shows: {
        name: '{n}',
        vhost: '{vhost}',
        component: 'shovel',
        value: { ...shovelValue, 'delete-after': after },
      },
    },
    { ask: 'GET shovels/{v}', has: { name: '{n}', vhost: '{vhost}' } },
    { ask: `DELETE ${shovelPath}` },
    { ask: `GET ${shovelPath}`, ...NOT_FOUND },
    { ask: 'GET shovels/{v}', lacks: { name: '{n}' } },
  ],
}))

const definitions: SuiteCase[] = [
  {
    of: 'definitions',
    steps: [
      { ask: 'GET definitions', shows: { rabbitmq_version: expect.any(String) } },
      { ask: 'GET definitions', in: 'vhosts', has: { name: '{vhost}' } },
      { ask: 'GET definitions', in: 'users', has: { name: '{user}' } },
      { ask: 'GET definitions', in: 'queues', has: { name: '{queue}', vhost: '{vhost}' } },
      { ask: 'GET definitions', in: 'policies', has: { name: 'bounds' } },
      { ask: 'GET definitions', in: 'global_parameters', has: { name: 'cluster_name' } },
      {
        ask: 'GET definitions/{v}',
        shows: { rabbit_version: expect.any(String), queues: expect.any(Array) },
      },
      { ask: 'GET definitions/{v}', in: 'policies', has: { name: 'bounds' } },
    ],
  },
  {
    of: 'global parameters',
    steps: [
      {
        ask: 'PUT global-parameters/{n}',
        body: { name: '{n}', value: { endpoints: ['amqp://server-name'] } },
      },
      {
        ask: 'GET global-parameters/{n}',
        shows: { name: '{n}', value: { endpoints: ['amqp://server-name'] } },
      },
      { ask: 'DELETE global-parameters/{n}' },
      { ask: 'PUT global-parameters/{n}', body: { name: '{n}', value: 'a-value' } },
      { ask: 'PUT global-parameters/{n}-2', body: { name: '{n}-2', value: ['another-value'] } },
      { ask: 'GET global-parameters', has: { name: '{n}', value: 'a-value' } },
      { ask: 'GET global-parameters', has: { name: '{n}-2', value: ['another-value'] } },
      { ask: 'GET global-parameters', has: { name: 'internal_cluster_id' } },
      { ask: 'GET global-parameters', has: { name: 'cluster_name' } },
      { ask: 'DELETE global-parameters/{n}' },
      { ask: 'DELETE global-parameters/{n}-2' },
      { ask: 'GET global-parameters', lacks: { name: '{n}' } },
    ],
  },
]

export const parametersOfRabbitHole: readonly SuiteCase[] = [
  policies('policies', mirrored, changed, 'all'),
  policies('operator-policies', limited, limitedAnew, 'queues'),
  {
    of: 'an operator policy for all',
    steps: [
      {
        ask: 'PUT operator-policies/{v}/{n}',
        body: policyBody({ ...limited, 'max-length-bytes': 100_000 }, 'all'),
      },
      { ask: 'DELETE operator-policies/{v}/{n}' },
    ],
  },
  ...federation,
  ...shovels,
  ...definitions,
]
