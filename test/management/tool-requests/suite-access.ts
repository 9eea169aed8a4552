/** rabbit-hole's tests of users, vhosts, permissions and limits. */
import { expect } from 'vitest'
import type { SuiteCase } from './suites.ts'

const NOT_FOUND = { status: 404, shows: { error: 'Object Not Found', reason: 'Not Found' } } as const
const text = expect.any(String)
const truth = expect.any(Boolean)

const password = 's3krE7'
const logs = { configure: 'log.*', write: 'log.*', read: 'log.*' }
const topic = { exchange: 'amq.topic', write: 'log.*', read: 'log.*' }

export const accessOfRabbitHole: readonly SuiteCase[] = [
  {
    of: 'users',
    steps: [
      { ask: 'GET users', has: { name: 'guest', tags: ['administrator'], password_hash: text } },
      { ask: 'GET users/guest', shows: { name: 'guest', tags: ['administrator'], password_hash: text } },
    ],
  },
  {
    of: 'a user made, with tags in their order, and deleted',
    steps: [
      { ask: 'PUT users/{n}', body: { name: '', password, tags: 'policymaker,management' } },
      {
        ask: 'GET users/{n}',
        shows: { name: '{n}', tags: ['policymaker', 'management'], password_hash: text },
      },
      { ask: 'DELETE users/{n}' },
      { ask: 'GET users/{n}', ...NOT_FOUND },
      { ask: 'DELETE users/{n}', status: 404 },
    ],
  },
  {
    of: 'a user made with a hash that is none',
    steps: [
      {
        ask: 'PUT users/{n}',
        body: {
          name: '',
          password_hash: 's3krE7-s3t-v!a-4A$h',
          hashing_algorithm: 'rabbit_password_hashing_sha256',
          tags: 'management',
        },
        status: 400,
      },
    ],
  },
  {
    of: 'a user without a password',
    steps: [
      { ask: 'PUT users/{n}', body: { name: '', password_hash: '', tags: 'policymaker,management' } },
      { ask: 'GET users/{n}', shows: { tags: ['policymaker', 'management'], password_hash: '' } },
      { ask: 'DELETE users/{n}' },
    ],
  },
  {
    of: 'vhosts',
    steps: [
      {
        ask: 'GET vhosts',
        has: {
          name: '/',
          tracing: truth,
          description: text,
          tags: expect.any(Array),
          cluster_state: expect.any(Object),
        },
      },
      {
        ask: 'GET vhosts/{v}',
        shows: {
          name: '{vhost}',
          tracing: false,
          description: text,
          tags: ['a', 'b'],
          cluster_state: expect.any(Object),
        },
      },
    ],
  },
  {
    of: 'a vhost made and deleted',
    steps: [
      {
        ask: 'PUT vhosts/{n}%2F2',
        body: { description: 'second vhost', tags: 'production,eu-west-1', tracing: false },
      },
      {
        ask: 'GET vhosts/{n}%2F2',
        shows: {
          name: '{n}/2',
          description: 'second vhost',
          tags: ['production', 'eu-west-1'],
          tracing: false,
        },
      },
      { ask: 'DELETE vhosts/{n}%2F2' },
      { ask: 'GET vhosts/{n}%2F2', ...NOT_FOUND },
    ],
  },
  {
    of: 'limits of a vhost',
    steps: [
      { ask: 'PUT vhosts/{n}' },
      { ask: 'GET vhost-limits/{n}', lacks: { vhost: '{n}' } },
      { ask: 'PUT vhost-limits/{n}/max-connections', body: { value: 1 }, status: 204 },
      { ask: 'PUT vhost-limits/{n}/max-queues', body: { value: 2 }, status: 204 },
      {
        ask: 'GET vhost-limits/{n}',
        shows: [{ vhost: '{n}', value: { 'max-connections': 1, 'max-queues': 2 } }],
        length: 1,
      },
      { ask: 'DELETE vhost-limits/{n}/max-connections' },
      { ask: 'GET vhost-limits/{n}', shows: [{ vhost: '{n}', value: { 'max-queues': 2 } }] },
      { ask: 'DELETE vhosts/{n}' },
    ],
  },
  {
    of: 'permissions',
    steps: [
      {
        ask: 'GET permissions',
        has: { user: 'guest', vhost: '/', configure: '.*', write: '.*', read: '.*' },
      },
      { ask: 'GET users/guest/permissions', has: { user: 'guest', vhost: '{vhost}', read: '.*' } },
      {
        ask: 'GET permissions/%2F/guest',
        shows: { user: 'guest', vhost: '/', configure: '.*', write: '.*', read: '.*' },
      },
      { ask: 'PUT users/{n}', body: { password, tags: '' } },
      { ask: 'PUT permissions/%2F/{n}', body: logs },
      { ask: 'GET permissions/%2F/{n}', shows: logs },
      { ask: 'DELETE permissions/%2F/{n}' },
      { ask: 'GET permissions/%2F/{n}', ...NOT_FOUND },
      { ask: 'DELETE users/{n}' },
    ],
  },
  {
    of: 'topic permissions',
    steps: [
      { ask: 'PUT users/{n}', body: { password, tags: '' } },
      { ask: 'PUT topic-permissions/%2F/{n}', body: topic },
      { ask: 'PUT topic-permissions/%2F/{n}', body: { ...topic, exchange: 'foobar' } },
      { ask: 'GET topic-permissions', has: { user: '{n}', vhost: '/', ...topic } },
      { ask: 'GET users/{n}/topic-permissions', has: { exchange: 'foobar' }, length: 2 },
      { ask: 'DELETE topic-permissions/%2F/{n}/foobar' },
      { ask: 'GET users/{n}/topic-permissions', length: 1 },
      { ask: 'GET topic-permissions/%2F/{n}', shows: [topic] },
      { ask: 'DELETE topic-permissions/%2F/{n}' },
      { ask: 'GET topic-permissions/%2F/{n}', ...NOT_FOUND },
      { ask: 'DELETE users/{n}' },
    ],
  },
]
